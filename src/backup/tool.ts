import { execFile } from 'node:child_process'
import { access, constants, realpath } from 'node:fs/promises'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import {
  childEnvironment,
  fetchDebianProgram,
  type EtcdBinary,
  type ProcessEnvironment,
} from '../embedded-etcd/index.ts'
import { BackupFailure, messageOf } from './failure.ts'

/** A program of etcd that makes data directories of snapshots. */
export interface RestoreTool {
  readonly path: string
  /** As in `etcdutl 3.6.5`. */
  readonly description: string
  /** True if it can raise the revision: from 3.6 on. */
  readonly canBumpRevision: boolean
}

/** The places in which a tool is looked for. */
export interface ToolOptions {
  /** The tool to use; undefined looks for one. */
  readonly tool?: string | undefined
  readonly cacheDir: string
  readonly environment: ProcessEnvironment
  /** Prints one line about what takes time. */
  readonly announce: (line: string) => void
}

/** etcdctl did this until 3.5, etcdutl does since 3.5. */
const names = ['etcdutl', 'etcdctl'] as const

const run = promisify(execFile)

/**
 * Finds a tool: the one in the options, else one beside `etcd` or on the PATH, else Debian's, fetched into the cache. If `etcd` is given, the
 * tool has its minor version: each reads only what its own version wrote, and the one before. Throws a {@link BackupFailure}.
 */
export async function findRestoreTool(options: ToolOptions, etcd?: EtcdBinary): Promise<RestoreTool> {
  const wanted = etcd && `${etcd.version.major}.${etcd.version.minor}`
  if (options.tool !== undefined) {
    const tool = await probe(options.tool, undefined, options.environment)
    if (tool !== undefined) return tool
    throw new BackupFailure('flags', `--etcdutl: ${options.tool} is no etcdutl or etcdctl that can restore snapshots`)
  }
  const beside = etcd === undefined ? [] : [dirname(etcd.path), dirname(await realpath(etcd.path))]
  const onPath = (options.environment['PATH'] ?? '').split(delimiter).filter((folder) => isAbsolute(folder))
  const places = [...new Set([...beside, ...onPath])].flatMap((folder) => names.map((name) => join(folder, name)))
  const cached = join(options.cacheDir, `etcdctl-${process.platform}-${process.arch}`)
  for (const path of [...places, cached]) {
    const tool = await probe(path, wanted, options.environment)
    if (tool !== undefined) return tool
  }
  return fetchTool(cached, wanted, options)
}

async function fetchTool(target: string, wanted: string | undefined, options: ToolOptions): Promise<RestoreTool> {
  const { cacheDir, environment, announce } = options
  announce(
    `etcdutl is not installed: fetching Debian's package etcd-client into ${cacheDir}, once, without installing it.`,
  )
  try {
    await fetchDebianProgram({ from: 'etcd-client', program: 'etcdctl' }, target, environment, async (path) => {
      if ((await probe(path, wanted, environment)) === undefined) {
        throw new BackupFailure('other', `Debian's etcdctl does not fit etcd ${wanted ?? ''}`.trim())
      }
    })
  } catch (cause) {
    const version = wanted === undefined ? '' : ` ${wanted}`
    throw new BackupFailure(
      'other',
      `There is no etcdutl or etcdctl${version}, and none could be fetched: ${messageOf(cause)}. Install etcd's client programs of the version of etcd, or name one by --etcdutl.`,
      { cause },
    )
  }
  const tool = await probe(target, wanted, environment)
  if (tool !== undefined) return tool
  throw new BackupFailure('other', `${target}, which was just fetched, cannot be run`)
}

/** Undefined if there is no such program, if it has another version, or if it does not restore snapshots any more. */
async function probe(
  path: string,
  wanted: string | undefined,
  own: ProcessEnvironment,
): Promise<RestoreTool | undefined> {
  const env = environmentOf(own)
  try {
    await access(path, constants.X_OK)
    const { stdout: version } = await run(path, ['version'], { env, timeout: 10_000 })
    const [, name = '', number = '', minor] = /^(etcdutl|etcdctl) version: ((\d+\.\d+)\.\d+)/m.exec(version) ?? []
    if (name === '' || (wanted !== undefined && minor !== wanted)) return undefined
    // etcdctl 3.6 prints the help of another command.
    const { stdout: help } = await run(path, ['snapshot', 'restore', '--help'], { env, timeout: 10_000 })
    if (!help.includes('--initial-advertise-peer-urls')) return undefined
    return { path, description: `${name} ${number}`, canBumpRevision: help.includes('--bump-revision') }
  } catch {
    return undefined
  }
}

/** Runs the tool. Throws a {@link BackupFailure} with the last line that it printed. */
export async function runRestoreTool(
  tool: RestoreTool,
  args: readonly string[],
  own: ProcessEnvironment,
): Promise<void> {
  try {
    await run(tool.path, ['snapshot', 'restore', ...args], { env: environmentOf(own), maxBuffer: 2 ** 24 })
  } catch (cause) {
    const printed =
      cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n').at(-1) : undefined
    throw new BackupFailure('other', `${tool.description} could not restore it: ${printed || messageOf(cause)}`, {
      cause,
    })
  }
}

function environmentOf(own: ProcessEnvironment): NodeJS.ProcessEnv {
  const others = Object.entries(childEnvironment(own)).filter(([name]) => !name.startsWith('ETCDCTL_'))
  return { ...Object.fromEntries(others), ETCDCTL_API: '3' }
}
