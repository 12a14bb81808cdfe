import { isIP } from 'node:net'

/** One thing that may be set, by a flag or by a variable. */
export interface Setting<Value> {
  /** The environment variable. The flag says the same without `IPPOOLD_`: `IPPOOLD_DATA_DIR` is `--data-dir`. */
  readonly variable: string
  /** What stands for the value in the help. */
  readonly placeholder: string
  readonly help: string
  /** The value when the setting is not given, or given as an empty text. */
  readonly fallback: Value
  /** The fallback in words, where its text would not tell. */
  readonly fallbackHelp?: string
  readonly read: (text: string) => Reading<Value>
}

/** What a text means as the value of a setting, or what would be right instead. */
export type Reading<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly expected: string }

/**
 * Every setting there is: variables, flags, `--help` and the type of the configuration are made of it. Times in milliseconds, sizes
 * in bytes.
 */
export const settings = {
  host: setting({
    variable: 'IPPOOLD_HOST',
    placeholder: '<address>',
    help: 'Address to serve on.',
    fallback: '127.0.0.1',
    read: host,
  }),
  port: setting({
    variable: 'IPPOOLD_PORT',
    placeholder: '<port>',
    help: 'Port to serve on; 0 takes any that is free.',
    fallback: 8080,
    read: integer(0, 65_535),
  }),
  allowRemote: setting({
    variable: 'IPPOOLD_ALLOW_REMOTE',
    placeholder: '<true|false>',
    help: 'Serve on an address that others can reach. There is no authentication: they may do everything.',
    fallback: false,
    read: boolean,
  }),
  dataDir: setting({
    variable: 'IPPOOLD_DATA_DIR',
    placeholder: '<folder>',
    help: 'Where the embedded etcd keeps its data.',
    fallback: '.data',
    read: text,
  }),
  cacheDir: setting<string | undefined>({
    variable: 'IPPOOLD_CACHE_DIR',
    placeholder: '<folder>',
    help: 'Where an etcd is kept that had to be fetched. Several servers may share it.',
    fallback: undefined,
    fallbackHelp: 'ippoold in the cache folder of your home',
    read: text,
  }),
  etcdBinary: setting<string | undefined>({
    variable: 'IPPOOLD_ETCD_BINARY',
    placeholder: '<file>',
    help: 'The etcd to embed.',
    fallback: undefined,
    fallbackHelp: 'the one on the PATH, else one that is fetched',
    read: text,
  }),
  etcdEndpoints: setting<readonly string[]>({
    variable: 'ETCD_ENDPOINTS',
    placeholder: '<url,...>',
    help: 'The members of the etcd cluster to use, such as https://etcd-1:2379,https://etcd-2:2379.',
    fallback: [],
    fallbackHelp: 'an embedded etcd',
    read: endpoints,
  }),
  etcdCaFile: setting<string | undefined>({
    variable: 'ETCD_CA_FILE',
    placeholder: '<file>',
    help: 'Certificates (PEM) of those who may have signed the certificates of the cluster.',
    fallback: undefined,
    fallbackHelp: 'those that Node.js trusts',
    read: text,
  }),
  etcdCertFile: setting<string | undefined>({
    variable: 'ETCD_CERT_FILE',
    placeholder: '<file>',
    help: 'Client certificate (PEM) to show to the cluster.',
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
    variable: 'ETCD_USER',
    placeholder: '<name>',
    help: 'User to log in to the cluster as.',
    fallback: undefined,
    read: text,
  }),
  etcdPassword: setting<string | undefined>({
    variable: 'ETCD_PASSWORD',
    placeholder: '<password>',
    help: 'Password of that user. Better set as a variable: others on the machine can see flags.',
    fallback: undefined,
    read: text,
  }),
  logLevel: setting({
    variable: 'IPPOOLD_LOG_LEVEL',
    placeholder: '<level>',
    help: `What to log: ${logLevels().join(', ')}.`,
    fallback: 'info',
    read: oneOf(logLevels()),
  }),
  bodyLimitBytes: setting({
    variable: 'IPPOOLD_BODY_LIMIT_BYTES',
    placeholder: '<bytes>',
    help: 'The largest body that a request may have.',
    fallback: 1_048_576,
    read: integer(1_024, 16_777_216),
  }),
  requestTimeoutMs: setting({
    variable: 'IPPOOLD_REQUEST_TIMEOUT_MS',
    placeholder: '<ms>',
    help: 'How long a request may take before it is given up.',
    fallback: 10_000,
    read: integer(100, 600_000),
  }),
  answerRetentionSeconds: setting({
    variable: 'IPPOOLD_ANSWER_RETENTION_SECONDS',
    placeholder: '<seconds>',
    help: 'How long the answer to a call with an Idempotency-Key is kept for repetitions.',
    fallback: 86_400,
    read: integer(1, 31_536_000),
  }),
  queueLimit: setting({
    variable: 'IPPOOLD_QUEUE_LIMIT',
    placeholder: '<count>',
    help: 'Requests that may be under way at once; any more are turned away, before their body is read.',
    fallback: 4_096,
    read: integer(1, 1_000_000),
  }),
  batchOperationsMax: setting({
    variable: 'IPPOOLD_BATCH_OPERATIONS_MAX',
    placeholder: '<count>',
    help: 'Requests that may share one etcd transaction; 1 switches sharing off.',
    fallback: 128,
    // As etcd's own --max-txn-ops.
    read: integer(1, 128),
  }),
  batchesInFlight: setting({
    variable: 'IPPOOLD_BATCHES_IN_FLIGHT',
    placeholder: '<count>',
    help: 'Transactions that may be under way at once.',
    fallback: 4,
    read: integer(1, 64),
  }),
  upkeepIntervalSeconds: setting({
    variable: 'IPPOOLD_UPKEEP_INTERVAL_SECONDS',
    placeholder: '<seconds>',
    help: 'How often one of the servers tidies up: addresses whose cooldown is over, blocks that are long empty; 0 for never.',
    fallback: 60,
    read: integer(0, 86_400),
  }),
  upkeepGraceSeconds: setting({
    variable: 'IPPOOLD_UPKEEP_GRACE_SECONDS',
    placeholder: '<seconds>',
    help: 'How long a block of a node must have been empty before it is taken back; 0 for never.',
    fallback: 900,
    read: integer(0, 31_536_000),
  }),
}

/** The flag of a setting, without its dashes. */
export function flagOf(setting: { readonly variable: string }): string {
  return setting.variable
    .replace(/^IPPOOLD_/, '')
    .toLowerCase()
    .replaceAll('_', '-')
}

/** Lets the compiler find the type of the value. */
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

function oneOf(values: readonly string[]): (given: string) => Reading<string> {
  return (given) =>
    values.includes(given) ? { ok: true, value: given } : { ok: false, expected: `one of ${values.join(', ')}` }
}

function host(given: string): Reading<string> {
  const isName = /^(?=.*[a-z])[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(given)
  return isIP(given) !== 0 || isName
    ? { ok: true, value: given }
    : { ok: false, expected: 'an IP address or a host name, such as 127.0.0.1, ::1 or localhost' }
}

/** URLs without user, path and the like. The port is required: forgetting it would mean 80 or 443, where no etcd is. */
function endpoints(given: string): Reading<readonly string[]> {
  const urls = given.split(',').map((url) => {
    const trimmed = url.trim().replace(/\/$/, '')
    // etcd3 knows a scheme in small letters only.
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
