/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The environment of an etcd of ours. Without any `ETCD_...` of the server's own: etcd takes every such variable for one of its
 * flags, and the server's `ETCD_CERT_FILE` is meant for a client.
 */
export function childEnvironment(environment: Environment): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => !name.startsWith('ETCD_'))
  return { GOGC: goGarbagePercent, ...Object.fromEntries(own), ...unsupportedArchitecture() }
}

/**
 * How much an etcd may allocate, in percent of what it keeps, before its collector walks through all of that. With a million keys the
 * walk takes a third of etcd's processor time at Go's own 100; who is short of memory sets another number.
 */
const goGarbagePercent = '200'

/** etcd 3.4 starts on other architectures than amd64 only when it is told the name (Go's) of the one it is on. */
function unsupportedArchitecture(): Record<string, string> {
  if (process.arch === 'x64') return {}
  const goName: Partial<Record<NodeJS.Architecture, string>> = { ia32: '386', ppc64: 'ppc64le', loong64: 'loong64' }
  return { ETCD_UNSUPPORTED_ARCH: goName[process.arch] ?? process.arch }
}
