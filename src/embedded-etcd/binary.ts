import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { fetchDebianProgram } from './debian-package.ts'
import { childEnvironment, type Environment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'

/** An etcd that runs on this machine. */
export interface EtcdBinary {
  /** Absolute path. */
  readonly path: string
  readonly version: EtcdVersion
}

export interface EtcdVersion {
  readonly major: number
  readonly minor: number
  readonly patch: number
}

/** Where to look for etcd. */
export interface FindOptions {
  /** The one to use, whatever else there is. */
  readonly binary?: string | undefined
  /** Where a fetched one is kept; several processes may use the same folder. */
  readonly cacheDir: string
  readonly environment: Environment
  /** Told, in one line, what is done that takes time or that one should know. */
  readonly announce: (line: string) => void
}

/** Progress notifications of a watch can be asked for at an interval since 3.4.11; without them a dead watch looks like an idle one. */
const oldest: EtcdVersion = { major: 3, minor: 4, patch: 11 }

/**
 * An etcd binary: the one that is named, else one on the PATH, else the one fetched earlier, else Debian's package, fetched into
 * the cache. Throws {@link EtcdStartFailure} when none of them works, saying what helps.
 */
export async function findEtcd(options: FindOptions): Promise<EtcdBinary> {
  if (options.binary !== undefined) {
    const probe = await probeEtcd(options.binary, options.environment)
    if (probe.ok) return probe.binary
    throw new EtcdStartFailure(`IPPOOLD_ETCD_BINARY: ${options.binary} ${probe.problem}.`)
  }
  for (const path of await onPath(options.environment)) {
    const probe = await probeEtcd(path, options.environment)
    if (probe.ok) return probe.binary
    options.announce(`${path} ${probe.problem}; looking for another etcd.`)
  }
  // The name says for which machines it is, because a home folder may be shared by different ones.
  const cached = join(options.cacheDir, `etcd-${process.platform}-${process.arch}`)
  const probe = await probeEtcd(cached, options.environment)
  return probe.ok ? probe.binary : await fetched(cached, options)
}

async function fetched(target: string, options: FindOptions): Promise<EtcdBinary> {
  try {
    if (process.platform !== 'linux') {
      throw new EtcdStartFailure('packages are fetched on Debian and its relatives only')
    }
    options.announce(
      `etcd is not installed: fetching Debian's etcd-server package into ${options.cacheDir}, once, without installing it.`,
    )
    await fetchDebianProgram({ from: 'etcd-server', program: 'etcd' }, target, options.environment, async (path) => {
      const probe = await probeEtcd(path, options.environment)
      if (!probe.ok) throw new EtcdStartFailure(`Debian's etcd ${probe.problem}`)
    })
  } catch (cause) {
    throw new EtcdStartFailure(whatHelps(cause), { cause })
  }
  const probe = await probeEtcd(target, options.environment)
  if (probe.ok) return probe.binary
  throw new EtcdStartFailure(`${target}, which was just fetched, ${probe.problem}.`)
}

/** What to tell somebody who has no etcd, and for whom none could be fetched. */
function whatHelps(cause: unknown): string {
  const command = process.platform === 'darwin' ? 'brew install etcd' : 'apt-get install etcd-server'
  return [
    `There is no etcd, and none could be fetched: ${cause instanceof Error ? cause.message : String(cause)}.`,
    `Install it: ${command}`,
    'Or set IPPOOLD_ETCD_BINARY to an etcd binary, or ETCD_ENDPOINTS to an etcd that is running.',
  ].join('\n')
}

type Probe = { readonly ok: true; readonly binary: EtcdBinary } | { readonly ok: false; readonly problem: string }

/** Asks a binary for its version. The problem of one that does not do is a phrase that follows its name. */
async function probeEtcd(path: string, environment: Environment): Promise<Probe> {
  try {
    await access(path, constants.X_OK)
    const { stdout } = await promisify(execFile)(path, ['--version'], {
      timeout: 10_000,
      env: childEnvironment(environment),
    })
    const version = parseVersion(stdout)
    if (version === undefined) return { ok: false, problem: 'does not answer --version as etcd does' }
    if (isOlder(version, oldest)) {
      return {
        ok: false,
        problem: `is etcd ${formatVersion(version)}, and ${formatVersion(oldest)} or newer is needed`,
      }
    }
    return { ok: true, binary: { path, version } }
  } catch (error) {
    return {
      ok: false,
      problem: `cannot be run (${error instanceof Error ? firstLine(error.message) : String(error)})`,
    }
  }
}

/** The version in what `etcd --version` prints. */
export function parseVersion(text: string): EtcdVersion | undefined {
  const [, major, minor, patch] = /^etcd Version: (\d+)\.(\d+)\.(\d+)/m.exec(text) ?? []
  return major === undefined ? undefined : { major: Number(major), minor: Number(minor), patch: Number(patch) }
}

/** Whether a version precedes another one. */
export function isOlder(version: EtcdVersion, than: EtcdVersion): boolean {
  if (version.major !== than.major) return version.major < than.major
  if (version.minor !== than.minor) return version.minor < than.minor
  return version.patch < than.patch
}

export function formatVersion(version: EtcdVersion): string {
  return `${version.major}.${version.minor}.${version.patch}`
}

async function onPath(environment: Environment): Promise<string[]> {
  const folders = (environment['PATH'] ?? '').split(':').filter((folder) => isAbsolute(folder))
  const candidates = [...new Set(folders)].map((folder) => join(folder, 'etcd'))
  const found = await Promise.all(
    candidates.map((path) =>
      access(path, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  )
  return candidates.filter((_, index) => found[index])
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
