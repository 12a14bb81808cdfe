import { BlockList } from 'node:net'
import { parseArgs } from 'node:util'
import { nearest } from './nearest.ts'
import { flagOf, goneSettings, settings, type Setting } from './settings.ts'
import { type Environment, findVariableProblems, readVariable } from './variables.ts'

/** The validated values of all {@link settings}. */
export type Config = {
  readonly [Name in keyof typeof settings]: (typeof settings)[Name] extends Setting<infer Value> ? Value : never
}

/** What the command line and the environment ask for, or all problems with them, each with the name of its setting. */
export type ParsedConfig =
  | { readonly ok: true; readonly action: 'serve'; readonly config: Config }
  | { readonly ok: true; readonly action: 'help' }
  | { readonly ok: true; readonly action: 'version' }
  | { readonly ok: false; readonly problems: readonly string[] }

/**
 * Reads the configuration from the arguments of the command line (without the program) and the environment. A flag takes precedence over
 * its variable. Pure: it does not read the files that settings name.
 */
export function parseConfig(argv: readonly string[], environment: Environment): ParsedConfig {
  const { flags, action, problems } = parseFlags(argv)
  if (action !== 'serve') return { ok: true, action }

  problems.push(...findVariableProblems(environment))
  const unreadable = new Set<unknown>()
  const read = <Value>(setting: Setting<Value>): Value => {
    const flag = flagOf(setting)
    const { variable, value } = readVariable(setting, environment)
    const given = flags.get(flag) ?? value
    if (given === '') return setting.fallback
    const reading = setting.read(given)
    if (reading.ok) return reading.value
    const name = flags.has(flag) ? `--${flag}` : variable
    unreadable.add(setting)
    problems.push(`${name}: ${quote(given)} is not valid; give ${reading.expected}`)
    return setting.fallback
  }
  const config: Config = {
    host: read(settings.host),
    port: read(settings.port),
    socket: read(settings.socket),
    socketMode: read(settings.socketMode),
    tlsCertFile: read(settings.tlsCertFile),
    tlsKeyFile: read(settings.tlsKeyFile),
    clientCaFile: read(settings.clientCaFile),
    clientCrlFile: read(settings.clientCrlFile),
    metricsNodes: read(settings.metricsNodes),
    insecureHttp: read(settings.insecureHttp),
    insecureNoAuth: read(settings.insecureNoAuth),
    healthPort: read(settings.healthPort),
    listenBacklog: read(settings.listenBacklog),
    drainMs: read(settings.drainMs),
    allowedHosts: read(settings.allowedHosts),
    allowedOrigins: read(settings.allowedOrigins),
    tokenFile: read(settings.tokenFile),
    authConfigFile: read(settings.authConfigFile),
    accessTokens: read(settings.accessTokens),
    anonymous: read(settings.anonymous),
    ui: read(settings.ui),
    uiOidcClientId: read(settings.uiOidcClientId),
    uiOidcScopes: read(settings.uiOidcScopes),
    dataDir: read(settings.dataDir),
    cacheDir: read(settings.cacheDir),
    etcdBinary: read(settings.etcdBinary),
    etcdEndpoints: read(settings.etcdEndpoints),
    etcdCaFile: read(settings.etcdCaFile),
    etcdCertFile: read(settings.etcdCertFile),
    etcdKeyFile: read(settings.etcdKeyFile),
    etcdUser: read(settings.etcdUser),
    etcdPassword: read(settings.etcdPassword),
    logLevel: read(settings.logLevel),
    auditLog: read(settings.auditLog),
    auditPolicyFile: read(settings.auditPolicyFile),
    auditLogMaxSize: read(settings.auditLogMaxSize),
    auditLogMaxBackups: read(settings.auditLogMaxBackups),
    auditLogMaxAge: read(settings.auditLogMaxAge),
    auditWhenFull: read(settings.auditWhenFull),
    bodyLimitBytes: read(settings.bodyLimitBytes),
    requestTimeoutMs: read(settings.requestTimeoutMs),
    answerRetentionSeconds: read(settings.answerRetentionSeconds),
    queueLimit: read(settings.queueLimit),
    batchOperationsMax: read(settings.batchOperationsMax),
    batchesInFlight: read(settings.batchesInFlight),
    upkeepIntervalSeconds: read(settings.upkeepIntervalSeconds),
    checkIntervalSeconds: read(settings.checkIntervalSeconds),
    upkeepGraceSeconds: read(settings.upkeepGraceSeconds),
  }
  for (const { among, problem } of findContradictions(config)) {
    if (!among.some((setting) => unreadable.has(setting))) problems.push(problem)
  }
  return problems.length === 0 ? { ok: true, action: 'serve', config } : { ok: false, problems }
}

/** Prints the text of `--help`. */
export function helpText(): string {
  const entries = Object.values(settings).map((setting) => {
    const flag = `--${flagOf(setting)} ${setting.placeholder}`
    const fallback = setting.fallbackHelp ?? (setting.fallback === undefined ? 'none' : String(setting.fallback))
    return `  ${flag.padEnd(38)}${setting.variable}\n      ${setting.help}\n      Default: ${fallback}\n`
  })
  return [
    "ippoold: IP address management over HTTP, on Calico's own etcd data",
    '',
    'Usage: ippoold [flags]',
    '',
    'Every setting is a flag and an environment variable; the flag takes precedence. An empty value means the default.',
    '',
    ...entries,
    '  --help, -h',
    '      Print this help.',
    '',
    '  --version',
    '      Print the version.',
    '',
  ].join('\n')
}

interface Flags {
  /** The values of the flags that are settings. */
  readonly flags: ReadonlyMap<string, string>
  readonly action: 'serve' | 'help' | 'version'
  readonly problems: string[]
}

/** Parses the command line, and continues after a mistake to find all of them. If a flag is given twice, the last value counts. */
function parseFlags(argv: readonly string[]): Flags {
  const all: readonly Pick<Setting<unknown>, 'variable' | 'formerVariable'>[] = Object.values(settings)
  const known = all.map(flagOf)
  /** By the former name. */
  const renamed = new Map(
    all.flatMap((setting) => {
      const { formerVariable: variable } = setting
      return variable === undefined ? [] : [[flagOf({ variable }), flagOf(setting)] as const]
    }),
  )
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries([...known, ...renamed.keys()].map((flag) => [flag, { type: 'string' as const }])),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
    strict: false,
    tokens: true,
  })
  const flags = new Map<string, string>()
  const problems: string[] = []
  let action: Flags['action'] = 'serve'
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional')
      problems.push(`${quote(token.value)}: is not a flag; give settings as --flag=value`)
    else if (token.name === 'help') action = 'help'
    else if (token.name === 'version') action = action === 'help' ? 'help' : 'version'
    else if (!known.includes(token.name) && !renamed.has(token.name)) {
      const gone = [...goneSettings].find(([variable]) => flagOf({ variable }) === token.name)
      const meant = nearest(token.name, [...known, 'help', 'version'])
      const advice = meant === undefined ? 'see --help' : `did you mean --${meant}?`
      problems.push(
        gone === undefined
          ? `${token.rawName}: there is no such flag; ${advice}`
          : `${token.rawName}: is gone; ${gone[1]}`,
      )
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      problems.push(`${token.rawName}: needs a value, as in ${token.rawName}=value`)
    } else flags.set(renamed.get(token.name) ?? token.name, token.value)
  }
  return { flags, action, problems }
}

interface Contradiction {
  /** The settings that contradict each other. */
  readonly among: readonly unknown[]
  readonly problem: string
}

/** True if callers can authenticate. Otherwise everybody who can reach the server may do everything. */
export function hasAuthentication(config: Config): boolean {
  const { clientCaFile, tokenFile, authConfigFile, accessTokens, anonymous } = config
  const isNamed = [clientCaFile, tokenFile, authConfigFile].some((file) => file !== undefined)
  return isNamed || accessTokens === true || anonymous === true
}

/** The protections that a server on an address which other machines can reach must have. */
export type Protection = 'tls' | 'authentication'

/** Returns the protections that the server lacks, although other machines can reach it. */
export function missingProtections(config: Config): readonly Protection[] {
  if (config.port === undefined || isLoopback(config.host)) return []
  const missing: Protection[] = []
  if (config.tlsCertFile === undefined) missing.push('tls')
  if (!hasAuthentication(config)) missing.push('authentication')
  return missing
}

/** Finds settings that are valid alone but not together. */
function findContradictions(config: Config): Contradiction[] {
  return [...findProtectionProblems(config), ...findServingProblems(config), ...findEtcdProblems(config)]
}

/** Finds protections that are missing without being waived, and ones that are waived without being missing. */
function findProtectionProblems(config: Config): Contradiction[] {
  const found: Contradiction[] = []
  const { host, tlsCertFile, tlsKeyFile, insecureHttp, insecureNoAuth } = settings
  const { clientCaFile, tokenFile, authConfigFile, accessTokens, anonymous } = settings
  const ways = [clientCaFile, tokenFile, authConfigFile, accessTokens, anonymous]
  const reachable = `IPPOOLD_HOST: other machines can reach ${quote(config.host)}`
  const missing = missingProtections(config)
  if (missing.includes('tls') && !config.insecureHttp) {
    const problem = `${reachable}, so TLS is needed; set IPPOOLD_TLS_CERT_FILE and IPPOOLD_TLS_KEY_FILE, or IPPOOLD_INSECURE_HTTP=true, or give a loopback address`
    found.push({ among: [host, tlsCertFile, tlsKeyFile, insecureHttp], problem })
  }
  if (missing.includes('authentication') && !config.insecureNoAuth) {
    const problem = `${reachable}, so authentication is needed; set IPPOOLD_CLIENT_CA_FILE, IPPOOLD_TOKEN_FILE or IPPOOLD_AUTH_CONFIG_FILE, or IPPOOLD_INSECURE_NO_AUTH=true, or give a loopback address`
    found.push({ among: [host, ...ways, insecureNoAuth], problem })
  }
  if (config.insecureHttp && config.tlsCertFile !== undefined) {
    const problem = 'IPPOOLD_INSECURE_HTTP: contradicts IPPOOLD_TLS_CERT_FILE; leave one of them out'
    found.push({ among: [insecureHttp, tlsCertFile], problem })
  }
  if (config.insecureNoAuth && hasAuthentication(config)) {
    const problem = 'IPPOOLD_INSECURE_NO_AUTH: contradicts the settings of authentication; leave it or them out'
    found.push({ among: [insecureNoAuth, ...ways], problem })
  }
  return found
}

/** Finds contradictions about the port, the socket and TLS. */
function findServingProblems(config: Config): Contradiction[] {
  const found: Contradiction[] = []
  const { port, socket, tlsCertFile, tlsKeyFile, clientCaFile, clientCrlFile } = settings
  if ((config.tlsCertFile === undefined) !== (config.tlsKeyFile === undefined)) {
    const problem =
      'IPPOOLD_TLS_CERT_FILE, IPPOOLD_TLS_KEY_FILE: a certificate needs its key, and a key its certificate; give both'
    found.push({ among: [tlsCertFile, tlsKeyFile], problem })
  }
  if (config.clientCaFile !== undefined && config.tlsCertFile === undefined) {
    const problem =
      'IPPOOLD_CLIENT_CA_FILE: has no effect without TLS; give IPPOOLD_TLS_CERT_FILE and IPPOOLD_TLS_KEY_FILE too'
    found.push({ among: [clientCaFile, tlsCertFile, tlsKeyFile], problem })
  }
  if (config.clientCrlFile !== undefined && config.clientCaFile === undefined) {
    const problem = 'IPPOOLD_CLIENT_CRL_FILE: has no effect without CAs; give IPPOOLD_CLIENT_CA_FILE too'
    found.push({ among: [clientCrlFile, clientCaFile], problem })
  }
  if (config.port === undefined && config.socket === undefined) {
    found.push({ among: [port, socket], problem: 'IPPOOLD_PORT: none needs a socket; give IPPOOLD_SOCKET too' })
  }
  if (config.port === undefined && config.tlsCertFile !== undefined) {
    const problem = 'IPPOOLD_TLS_CERT_FILE: has no effect without a port; leave it out, or give IPPOOLD_PORT'
    found.push({ among: [port, tlsCertFile], problem })
  }
  return found
}

/** Finds contradictions about the connection to etcd. */
function findEtcdProblems(config: Config): Contradiction[] {
  const found: Contradiction[] = []
  const { etcdEndpoints, etcdCertFile, etcdKeyFile, etcdUser, etcdPassword } = settings
  if ((config.etcdCertFile === undefined) !== (config.etcdKeyFile === undefined)) {
    const problem = 'ETCD_CERT_FILE, ETCD_KEY_FILE: a certificate needs its key, and a key its certificate; give both'
    found.push({ among: [etcdCertFile, etcdKeyFile], problem })
  }
  if ((config.etcdUser === undefined) !== (config.etcdPassword === undefined)) {
    const problem = 'ETCD_USERNAME, ETCD_PASSWORD: a user needs a password, and a password a user; give both'
    found.push({ among: [etcdUser, etcdPassword], problem })
  }
  if (config.auditPolicyFile !== undefined && config.auditLog === undefined) {
    const problem =
      'IPPOOLD_AUDIT_POLICY_FILE: has no effect without a log; give IPPOOLD_AUDIT_LOG too, or leave it out'
    found.push({ among: [settings.auditPolicyFile, settings.auditLog], problem })
  }
  if (config.uiOidcClientId !== undefined && config.authConfigFile === undefined) {
    const problem = 'IPPOOLD_UI_OIDC_CLIENT_ID: has no effect without issuers; give IPPOOLD_AUTH_CONFIG_FILE too'
    found.push({ among: [settings.uiOidcClientId, settings.authConfigFile], problem })
  }
  const isPlain = config.etcdEndpoints.some((endpoint) => endpoint.startsWith('http:'))
  if (isPlain && config.etcdEndpoints.some((endpoint) => endpoint.startsWith('https:'))) {
    const problem = 'ETCD_ENDPOINTS: some URLs are http and some are https; give one kind'
    found.push({ among: [etcdEndpoints], problem })
  }
  for (const name of ['etcdCaFile', 'etcdCertFile', 'etcdKeyFile', 'etcdUser', 'etcdPassword'] as const) {
    if (config[name] === undefined) continue
    const { variable } = settings[name]
    if (config.etcdEndpoints.length === 0) {
      const problem = `${variable}: has no effect on the embedded etcd; give ETCD_ENDPOINTS too, or leave it out`
      found.push({ among: [settings[name], etcdEndpoints], problem })
    } else if (isPlain && name.endsWith('File')) {
      const problem = `${variable}: has no effect on plain http; give ETCD_ENDPOINTS with https, or leave it out`
      found.push({ among: [settings[name], etcdEndpoints], problem })
    }
  }
  return found
}

/** True if only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  loopback.addAddress('::1', 'ipv6')
  return host === 'localhost' || loopback.check(host, host.includes(':') ? 'ipv6' : 'ipv4')
}

/** Quotes a value, without the user and the password in a URL. */
function quote(value: string): string {
  return JSON.stringify(value.replaceAll(/\/\/[^/,]*@/g, '//...@'))
}
