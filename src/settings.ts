import { isIP } from 'node:net'

/** One setting, given by a flag or an environment variable. */
export interface Setting<Value> {
  /** The environment variable. The flag leaves out `IPPOOLD_`: `IPPOOLD_DATA_DIR` is `--data-dir`. */
  readonly variable: string
  /** The former name of the variable. It still counts, and so does its flag. */
  readonly formerVariable?: string
  /** Stands for the value in `--help`. */
  readonly placeholder: string
  readonly help: string
  /** The value if the setting is absent or empty. */
  readonly fallback: Value
  /** Describes a fallback whose text does not explain it. */
  readonly fallbackHelp?: string
  readonly read: (text: string) => Reading<Value>
}

/** The value of a setting, or what would be right instead. */
export type Reading<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly expected: string }

/** All settings. Variables, flags, `--help` and the type of the configuration come from this table. */
export const settings = {
  host: setting({
    variable: 'IPPOOLD_HOST',
    placeholder: '<address>',
    help: 'Address to serve on.',
    fallback: '127.0.0.1',
    read: host,
  }),
  port: setting<number | undefined>({
    variable: 'IPPOOLD_PORT',
    placeholder: '<port>',
    help: 'Port to serve on; 0 takes any free port, none serves on IPPOOLD_SOCKET only.',
    fallback: 8080,
    read: portOrNone,
  }),
  socket: setting<string | undefined>({
    variable: 'IPPOOLD_SOCKET',
    placeholder: '<file>',
    help: 'Unix socket to serve on as well, with plain HTTP.',
    fallback: undefined,
    read: text,
  }),
  socketMode: setting({
    variable: 'IPPOOLD_SOCKET_MODE',
    placeholder: '<mode>',
    help: 'Mode of that socket, in octal: users that may write to it may connect.',
    fallback: 0o600,
    fallbackHelp: '0600',
    read: fileMode,
  }),
  tlsCertFile: setting<string | undefined>({
    variable: 'IPPOOLD_TLS_CERT_FILE',
    placeholder: '<file>',
    help: 'Certificate (PEM) to serve HTTPS with, followed by its intermediate CAs. Read again when it changes.',
    fallback: undefined,
    read: text,
  }),
  tlsKeyFile: setting<string | undefined>({
    variable: 'IPPOOLD_TLS_KEY_FILE',
    placeholder: '<file>',
    help: 'Key (PEM, without a passphrase) of that certificate.',
    fallback: undefined,
    read: text,
  }),
  clientCaFile: setting<string | undefined>({
    variable: 'IPPOOLD_CLIENT_CA_FILE',
    placeholder: '<file>',
    help: 'CA certificates (PEM). A client certificate of one of them stands for the user in its CN, in the groups in its O.',
    fallback: undefined,
    read: text,
  }),
  clientCrlFile: setting<string | undefined>({
    variable: 'IPPOOLD_CLIENT_CRL_FILE',
    placeholder: '<file>',
    help: 'Lists of revoked certificates (PEM) of those CAs. A client certificate on a list does not count.',
    fallback: undefined,
    read: text,
  }),
  insecureHttp: setting({
    variable: 'IPPOOLD_INSECURE_HTTP',
    placeholder: '<true|false>',
    help: 'Serve other machines without TLS: everybody on the network in between can read and change everything.',
    fallback: false,
    read: boolean,
  }),
  insecureNoAuth: setting({
    variable: 'IPPOOLD_INSECURE_NO_AUTH',
    placeholder: '<true|false>',
    help: 'Serve other machines without authentication: everybody who can reach the server may do everything.',
    fallback: false,
    read: boolean,
  }),
  healthPort: setting<number | undefined>({
    variable: 'IPPOOLD_HEALTH_PORT',
    placeholder: '<port>',
    help: 'Port that answers /livez and /readyz as well, however busy the server is, with plain HTTP; 0 takes any free port.',
    fallback: undefined,
    read: integer(0, 65_535),
  }),
  listenBacklog: setting({
    variable: 'IPPOOLD_LISTEN_BACKLOG',
    placeholder: '<count>',
    help: 'Connections that may wait to be accepted; the system may allow fewer (net.core.somaxconn).',
    fallback: 4_096,
    read: integer(1, 65_535),
  }),
  drainMs: setting({
    variable: 'IPPOOLD_DRAIN_MS',
    placeholder: '<ms>',
    help: 'How long the server goes on after SIGTERM, and says on /readyz that it stops, until load balancers send no more.',
    fallback: 0,
    read: integer(0, 600_000),
  }),
  allowedHosts: setting<readonly string[]>({
    variable: 'IPPOOLD_ALLOWED_HOSTS',
    placeholder: '<name,...>',
    help: 'More names and addresses, without ports, by which clients may call the server; * for any.',
    fallback: [],
    fallbackHelp:
      "loopback, the address served on, the certificate's names, and the name of a machine that others can reach",
    read: listOf(allowedHost, 'names or addresses without ports, separated by commas, such as ipam.example.org, or *'),
  }),
  allowedOrigins: setting<readonly string[]>({
    variable: 'IPPOOLD_ALLOWED_ORIGINS',
    placeholder: '<origin,...>',
    help: 'Origins of other web pages that may call the server from a browser, such as https://ipam.example.org.',
    fallback: [],
    fallbackHelp: "only the server's own pages",
    read: listOf(origin, 'http or https origins, separated by commas, such as https://ipam.example.org'),
  }),
  tokenFile: setting<string | undefined>({
    variable: 'IPPOOLD_TOKEN_FILE',
    placeholder: '<file>',
    help: 'Users and their tokens, as kube-apiserver reads them: lines of token,user,uid,"group1,group2".',
    fallback: undefined,
    read: text,
  }),
  authConfigFile: setting<string | undefined>({
    variable: 'IPPOOLD_AUTH_CONFIG_FILE',
    placeholder: '<file>',
    help: "Issuers of JSON Web Tokens that are accepted: an AuthenticationConfiguration, as Kubernetes' API server reads it.",
    fallback: undefined,
    read: text,
  }),
  accessTokens: setting<boolean | undefined>({
    variable: 'IPPOOLD_ACCESS_TOKENS',
    placeholder: '<true|false>',
    help: 'Accept the secrets of AccessTokens.',
    fallback: undefined,
    fallbackHelp: 'true if another way of authentication is on',
    read: boolean,
  }),
  anonymous: setting<boolean | undefined>({
    variable: 'IPPOOLD_ANONYMOUS',
    placeholder: '<true|false>',
    help: 'Let callers without a credential in, as the user system:anonymous.',
    fallback: undefined,
    fallbackHelp: 'as IPPOOLD_AUTH_CONFIG_FILE says, else false',
    read: boolean,
  }),
  ui: setting({
    variable: 'IPPOOLD_UI',
    placeholder: '<true|false>',
    help: 'Serve the page for people under /ui/.',
    fallback: true,
    read: boolean,
  }),
  uiOidcClientId: setting<string | undefined>({
    variable: 'IPPOOLD_UI_OIDC_CLIENT_ID',
    placeholder: '<id>',
    help: 'Client that people sign in to the page with: an audience of an issuer, without a secret.',
    fallback: undefined,
    fallbackHelp: 'people sign in with tokens',
    read: text,
  }),
  uiOidcScopes: setting({
    variable: 'IPPOOLD_UI_OIDC_SCOPES',
    placeholder: '<scopes>',
    help: 'What the page asks the identity provider for, such as "openid groups"; some tell groups only then.',
    fallback: 'openid profile email',
    read: text,
  }),
  dataDir: setting({
    variable: 'IPPOOLD_DATA_DIR',
    placeholder: '<folder>',
    help: 'Data directory of the embedded etcd.',
    fallback: '.data',
    read: text,
  }),
  cacheDir: setting<string | undefined>({
    variable: 'IPPOOLD_CACHE_DIR',
    placeholder: '<folder>',
    help: 'Where a fetched etcd binary is kept. Several servers may share it.',
    fallback: undefined,
    fallbackHelp: 'ippoold in the cache folder of the user',
    read: text,
  }),
  etcdBinary: setting<string | undefined>({
    variable: 'IPPOOLD_ETCD_BINARY',
    placeholder: '<file>',
    help: 'The etcd binary to run.',
    fallback: undefined,
    fallbackHelp: 'the one on the PATH, else a fetched one',
    read: text,
  }),
  etcdEndpoints: setting<readonly string[]>({
    variable: 'ETCD_ENDPOINTS',
    placeholder: '<url,...>',
    help: 'URLs of the members of an external etcd cluster, such as https://etcd-1:2379,https://etcd-2:2379.',
    fallback: [],
    fallbackHelp: 'an embedded etcd',
    read: endpoints,
  }),
  etcdCaFile: setting<string | undefined>({
    variable: 'ETCD_CA_CERT_FILE',
    formerVariable: 'ETCD_CA_FILE',
    placeholder: '<file>',
    help: "CA certificates (PEM) that etcd's certificates are verified with.",
    fallback: undefined,
    fallbackHelp: 'the CAs that Node.js trusts',
    read: text,
  }),
  etcdCertFile: setting<string | undefined>({
    variable: 'ETCD_CERT_FILE',
    placeholder: '<file>',
    help: 'Client certificate (PEM) for etcd.',
    fallback: undefined,
    read: text,
  }),
  etcdKeyFile: setting<string | undefined>({
    variable: 'ETCD_KEY_FILE',
    placeholder: '<file>',
    help: 'Key (PEM) of the client certificate.',
    fallback: undefined,
    read: text,
  }),
  etcdUser: setting<string | undefined>({
    variable: 'ETCD_USERNAME',
    formerVariable: 'ETCD_USER',
    placeholder: '<name>',
    help: 'User name for etcd.',
    fallback: undefined,
    read: text,
  }),
  etcdPassword: setting<string | undefined>({
    variable: 'ETCD_PASSWORD',
    placeholder: '<password>',
    help: 'Password of that user. Prefer the variable: other users of the machine can see flags.',
    fallback: undefined,
    read: text,
  }),
  logLevel: setting({
    variable: 'IPPOOLD_LOG_LEVEL',
    placeholder: '<level>',
    help: `Lowest level to log: ${logLevels().join(', ')}.`,
    fallback: 'info',
    read: oneOf(logLevels()),
  }),
  metricsNodes: setting({
    variable: 'IPPOOLD_METRICS_NODES',
    placeholder: '<true|false>',
    help: 'Have metrics for each node, and for each node and pool.',
    fallback: true,
    read: boolean,
  }),
  auditLog: setting<string | undefined>({
    variable: 'IPPOOLD_AUDIT_LOG',
    placeholder: '<file>',
    help: 'Audit log, one JSON object on each line: a file of this server alone, or - for standard output.',
    fallback: undefined,
    fallbackHelp: 'no audit',
    read: text,
  }),
  auditPolicyFile: setting<string | undefined>({
    variable: 'IPPOOLD_AUDIT_POLICY_FILE',
    placeholder: '<file>',
    help: 'Policy (audit.k8s.io/v1) that decides which calls are in the audit log, and how much of them. Read at the start.',
    fallback: undefined,
    fallbackHelp: 'metadata of all calls but probes and documents',
    read: text,
  }),
  auditLogMaxSize: setting({
    variable: 'IPPOOLD_AUDIT_LOG_MAX_SIZE',
    placeholder: '<MiB>',
    help: 'Size in MiB above which the audit log is renamed, and a new one is begun.',
    fallback: 100,
    read: integer(1, 1_000_000),
  }),
  auditLogMaxBackups: setting({
    variable: 'IPPOOLD_AUDIT_LOG_MAX_BACKUPS',
    placeholder: '<count>',
    help: 'Renamed audit logs that are kept; 0 for all.',
    fallback: 0,
    read: integer(0, 1_000_000),
  }),
  auditLogMaxAge: setting({
    variable: 'IPPOOLD_AUDIT_LOG_MAX_AGE',
    placeholder: '<days>',
    help: 'Days for which renamed audit logs are kept; 0 for ever.',
    fallback: 0,
    read: integer(0, 36_500),
  }),
  auditWhenFull: setting<'block' | 'drop'>({
    variable: 'IPPOOLD_AUDIT_WHEN_FULL',
    placeholder: '<block|drop>',
    help: 'While the audit log cannot be written: refuse calls (block), or carry them out without events (drop).',
    fallback: 'block',
    read: oneOf(['block', 'drop']),
  }),
  bodyLimitBytes: setting({
    variable: 'IPPOOLD_BODY_LIMIT_BYTES',
    placeholder: '<bytes>',
    help: 'Largest body of a request.',
    fallback: 1_048_576,
    read: integer(1_024, 16_777_216),
  }),
  requestTimeoutMs: setting({
    variable: 'IPPOOLD_REQUEST_TIMEOUT_MS',
    placeholder: '<ms>',
    help: 'Time limit of a request.',
    fallback: 10_000,
    read: integer(100, 600_000),
  }),
  answerRetentionSeconds: setting({
    variable: 'IPPOOLD_ANSWER_RETENTION_SECONDS',
    placeholder: '<seconds>',
    help: 'How long the response to a call with an Idempotency-Key is kept for repeated calls.',
    fallback: 86_400,
    read: integer(1, 31_536_000),
  }),
  queueLimit: setting({
    variable: 'IPPOOLD_QUEUE_LIMIT',
    placeholder: '<count>',
    help: 'Requests that may be in flight at once; more are refused before their body is read.',
    fallback: 4_096,
    read: integer(1, 1_000_000),
  }),
  batchOperationsMax: setting({
    variable: 'IPPOOLD_BATCH_OPERATIONS_MAX',
    placeholder: '<count>',
    help: 'Changes that may share one etcd transaction; 1 turns sharing off.',
    fallback: 128,
    // The default of etcd's --max-txn-ops.
    read: integer(1, 128),
  }),
  batchesInFlight: setting({
    variable: 'IPPOOLD_BATCHES_IN_FLIGHT',
    placeholder: '<count>',
    help: 'Transactions that may be in flight at once.',
    fallback: 4,
    read: integer(1, 64),
  }),
  upkeepIntervalSeconds: setting({
    variable: 'IPPOOLD_UPKEEP_INTERVAL_SECONDS',
    placeholder: '<seconds>',
    help: 'How often one of the servers frees cooled addresses and releases empty blocks; 0 for never.',
    fallback: 60,
    read: integer(0, 86_400),
  }),
  checkIntervalSeconds: setting({
    variable: 'IPPOOLD_CHECK_INTERVAL_SECONDS',
    placeholder: '<seconds>',
    help: 'How often one of the servers checks that the stored data is consistent, for the metrics; 0 for never.',
    fallback: 3_600,
    read: integer(0, 604_800),
  }),
  upkeepGraceSeconds: setting({
    variable: 'IPPOOLD_UPKEEP_GRACE_SECONDS',
    placeholder: '<seconds>',
    help: "How long a node's block must have been empty before it is released; 0 for never.",
    fallback: 900,
    read: integer(0, 31_536_000),
  }),
}

/** Settings of former versions that are gone, with advice on what to do instead. */
export const goneSettings: ReadonlyMap<string, string> = new Map([
  [
    'IPPOOLD_ALLOW_REMOTE',
    'set IPPOOLD_TLS_CERT_FILE, IPPOOLD_TLS_KEY_FILE and a way of authentication, or waive them with IPPOOLD_INSECURE_HTTP=true and IPPOOLD_INSECURE_NO_AUTH=true',
  ],
])

/** Returns the flag of a setting, without its dashes. */
export function flagOf(setting: { readonly variable: string }): string {
  return setting.variable
    .replace(/^IPPOOLD_/, '')
    .toLowerCase()
    .replaceAll('_', '-')
}

/** Infers the type of the value. */
function setting<Value>(definition: Setting<Value>): Setting<Value> {
  return definition
}

function logLevels(): readonly string[] {
  return ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
}

function text(given: string): Reading<string> {
  return { ok: true, value: given }
}

function boolean(given: string): Reading<boolean> {
  if (given === 'true' || given === 'false') return { ok: true, value: given === 'true' }
  return { ok: false, expected: 'true or false' }
}

function integer(min: number, max: number): (given: string) => Reading<number> {
  return (given) => {
    const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN
    return value >= min && value <= max
      ? { ok: true, value }
      : { ok: false, expected: `a whole number from ${min} to ${max}` }
  }
}

/** The port is undefined for `none`. */
function portOrNone(given: string): Reading<number | undefined> {
  if (given === 'none') return { ok: true, value: undefined }
  const reading = integer(0, 65_535)(given)
  return reading.ok ? reading : { ok: false, expected: `${reading.expected}, or none` }
}

function fileMode(given: string): Reading<number> {
  return /^0?[0-7]{3}$/.test(given)
    ? { ok: true, value: Number.parseInt(given, 8) }
    : { ok: false, expected: 'an octal mode such as 0600 or 0660' }
}

function oneOf<Value extends string>(values: readonly Value[]): (given: string) => Reading<Value> {
  return (given) => {
    const value = values.find((known) => known === given)
    return value === undefined ? { ok: false, expected: `one of ${values.join(', ')}` } : { ok: true, value }
  }
}

function host(given: string): Reading<string> {
  const isName = /^(?=.*[a-z])[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(given)
  return isIP(given) !== 0 || isName
    ? { ok: true, value: given }
    : { ok: false, expected: 'an IP address or a host name, such as 127.0.0.1, ::1 or localhost' }
}

/** Reads a list of values, separated by commas. */
function listOf(
  readOne: (given: string) => string | undefined,
  expected: string,
): (given: string) => Reading<readonly string[]> {
  return (given) => {
    const values = given.split(',').map((one) => readOne(one.trim()))
    return values.every((value) => value !== undefined) ? { ok: true, value: values } : { ok: false, expected }
  }
}

/** Reads a name as it may stand in a Host header, or an address with or without brackets. A name is returned in lower case. */
function allowedHost(given: string): string | undefined {
  const address = given.replace(/^\[(.*:.*)\]$/, '$1')
  if (given === '*' || isIP(address) !== 0) return address
  return /^(?=.*[a-z_])[\w-]+(\.[\w-]+)*\.?$/i.test(given) ? given.replace(/\.$/, '').toLowerCase() : undefined
}

/** Reads an origin as browsers send it. */
function origin(given: string): string | undefined {
  const url = URL.parse(given)
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href
  return isOrigin && !given.includes('?') && !given.includes('#') ? url.origin : undefined
}

/** Reads URLs without user and path. The port is required: without it a URL would mean 80 or 443, where no etcd listens. */
function endpoints(given: string): Reading<readonly string[]> {
  const urls = given.split(',').map((url) => {
    const trimmed = url.trim().replace(/\/$/, '')
    // etcd3 knows only lower-case schemes.
    return trimmed.replace(/^https?:/i, (scheme) => scheme.toLowerCase())
  })
  const isEndpoint = (url: string): boolean => {
    const [, name, port] = /^https?:\/\/(\[[\da-f:.]+\]|[a-z\d.-]+):(\d{1,5})$/i.exec(url) ?? []
    return name !== undefined && host(name.replaceAll(/[[\]]/g, '')).ok && integer(1, 65_535)(port ?? '').ok
  }
  return urls.every(isEndpoint)
    ? { ok: true, value: urls }
    : {
        ok: false,
        expected: 'http or https URLs with a port and no path, separated by commas, such as http://127.0.0.1:2379',
      }
}
