import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { fetchDebianProgram } from './debian-package.ts'
import { childEnvironment, type ProcessEnvironment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'

/** An etcd that runs on this machine. */
export interface EtcdBinary {
  /** Absolute path. */
  readonly path: string
  readonly version: EtcdVersion
}

/** A version of etcd. */
export interface EtcdVersion {
  readonly major: number
  readonly minor: number
  readonly patch: number
}

/** Where to look for an etcd binary. */
export interface FindOptions {
  /** The binary to use; undefined looks for one. */
  readonly binary?: string | undefined
  /** Where a fetched binary is kept; several processes may share the folder. */
  readonly cacheDir: string
  readonly environment: ProcessEnvironment
  /** Prints one line about what takes time or what the user should know. */
  readonly announce: (line: string) => void
}

/** 3.4.11 introduced the interval of progress notifications. Without them a dead watch cannot be told from an idle one. */
const oldest: EtcdVersion = { major: 3, minor: 4, patch: 11 }

/**
 * Finds an etcd binary: the one in the options, else one on the PATH, else the one that was fetched earlier, else Debian's package,
 * fetched into the cache. Throws {@link EtcdStartFailure} with advice if none of them works.
 */
export async function findEtcd(options: FindOptions): Promise<EtcdBinary> {
  if (options.binary !== undefined) {
    const probe = await probeEtcd(options.binary, options.environment)
    if (probe.ok) return probe.binary
    throw new EtcdStartFailure(`IPPOOLD_ETCD_BINARY: ${options.binary} ${probe.problem}.`)
  }
  for (const path of await findOnPath(options.environment)) {
    const probe = await probeEtcd(path, options.environment)
    if (probe.ok) return probe.binary
    options.announce(`${path} ${probe.problem}; looking for another etcd.`)
  }
  // The name contains the platform, because different machines may share a home folder.
  const cached = join(options.cacheDir, `etcd-${process.platform}-${process.arch}`)
  const probe = await probeEtcd(cached, options.environment)
  return probe.ok ? probe.binary : await fetchEtcd(cached, options)
}

async function fetchEtcd(target: string, options: FindOptions): Promise<EtcdBinary> {
  try {
    if (process.platform !== 'linux') {
      throw new EtcdStartFailure('packages can be fetched only on Debian and its derivatives')
    }
    options.announce(
      `etcd is not installed: fetching Debian's package etcd-server into ${options.cacheDir}, once, without installing it.`,
    )
    await fetchDebianProgram({ from: 'etcd-server', program: 'etcd' }, target, options.environment, async (path) => {
      const probe = await probeEtcd(path, options.environment)
      if (!probe.ok) throw new EtcdStartFailure(`Debian's etcd ${probe.problem}`)
    })
  } catch (cause) {
    throw new EtcdStartFailure(printAdvice(cause), { cause })
  }
  const probe = await probeEtcd(target, options.environment)
  if (probe.ok) return probe.binary
  throw new EtcdStartFailure(`${target}, which was just fetched, ${probe.problem}.`)
}

/** Prints what to do if there is no etcd, and none could be fetched. */
function printAdvice(cause: unknown): string {
  const command = process.platform === 'darwin' ? 'brew install etcd' : 'apt-get install etcd-server'
  return [
    `There is no etcd, and none could be fetched: ${cause instanceof Error ? cause.message : String(cause)}.`,
    `Install it: ${command}`,
    'Or set IPPOOLD_ETCD_BINARY to an etcd binary, or ETCD_ENDPOINTS to a running etcd.',
  ].join('\n')
}

type BinaryProbe = { readonly ok: true; readonly binary: EtcdBinary } | { readonly ok: false; readonly problem: string }

/** Runs `etcd --version`. `problem` is a phrase that follows the path of the binary. */
async function probeEtcd(path: string, environment: ProcessEnvironment): Promise<BinaryProbe> {
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

/** Reads the version in the output of `etcd --version`. */
export function parseVersion(text: string): EtcdVersion | undefined {
  const [, major, minor, patch] = /^etcd Version: (\d+)\.(\d+)\.(\d+)/m.exec(text) ?? []
  return major === undefined ? undefined : { major: Number(major), minor: Number(minor), patch: Number(patch) }
}

/** True if `version` is older than `than`. */
export function isOlder(version: EtcdVersion, than: EtcdVersion): boolean {
  if (version.major !== than.major) return version.major < than.major
  if (version.minor !== than.minor) return version.minor < than.minor
  return version.patch < than.patch
}

/** Prints a version, as in `3.5.16`. */
export function formatVersion(version: EtcdVersion): string {
  return `${version.major}.${version.minor}.${version.patch}`
}

async function findOnPath(environment: ProcessEnvironment): Promise<string[]> {
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
