import { join } from 'node:path'

/** Environment variables. */
export type ProcessEnvironment = Readonly<Record<string, string | undefined>>

/**
 * Returns the environment for an embedded etcd, without the `ETCD_...` variables of the server: etcd would read each as one of its flags,
 * and the server's `ETCD_CERT_FILE` is a client certificate.
 */
export function childEnvironment(environment: ProcessEnvironment): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => !name.startsWith('ETCD_'))
  return { GOGC: goGarbagePercent, ...Object.fromEntries(own), ...unsupportedArchitecture() }
}

/** Returns where a fetched etcd is kept by default: in the cache folder of the user, which all clones of the project share. */
export function defaultCacheDir(environment: ProcessEnvironment): string {
  // Empty counts as unset (XDG Base Directory Specification).
  const base = environment['XDG_CACHE_HOME'] || (environment['HOME'] && join(environment['HOME'], '.cache'))
  return base ? join(base, 'ippoold') : '.cache'
}

/**
 * How much etcd may allocate, in percent of its live heap, before Go collects garbage. With a million keys and Go's default of 100, the
 * collector takes a third of etcd's CPU time. Set GOGC to a lower number to save memory.
 */
const goGarbagePercent = '200'

/** etcd 3.4 starts on architectures other than amd64 only if this variable names the architecture, as Go does. */
function unsupportedArchitecture(): Record<string, string> {
  if (process.arch === 'x64') return {}
  const goName: Partial<Record<NodeJS.Architecture, string>> = { ia32: '386', ppc64: 'ppc64le', loong64: 'loong64' }
  return { ETCD_UNSUPPORTED_ARCH: goName[process.arch] ?? process.arch }
}
