import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  EtcdStartFailure,
  findEtcd,
  freePorts,
  isSystemError,
  newMemberName,
  rememberMember,
} from '../embedded-etcd/index.ts'
import { BackupFailure, messageOf } from './failure.ts'
import { findRestoreTool, type RestoreTool, runRestoreTool, type ToolOptions } from './tool.ts'

/** How to restore a backup, which was verified. */
export interface RestoreOptions extends ToolOptions {
  readonly file: string
  /** By how much the revision is raised if the tool can do that; 0 leaves it as it is. */
  readonly bumpRevision: bigint
}

/** A data directory that was made of a backup. */
export interface Restored {
  /** Absolute. */
  readonly dataDir: string
  readonly tool: string
  /** By how much the revision was raised. With 0, etcd gives revisions once more that clients know already. */
  readonly bumpedBy: bigint
}

/** One member of the cluster that is made of a backup: etcd's flags of these names. */
export interface MemberFlags {
  readonly etcdDataDir: string
  readonly name: string
  readonly initialCluster: string
  readonly initialAdvertisePeerUrls: string
  readonly initialClusterToken?: string | undefined
}

/**
 * Makes the data directory of a server with an embedded etcd. The directory must be empty, or not exist. Throws a {@link BackupFailure}
 * after which there is nothing in it.
 */
export async function restoreEmbedded(
  options: RestoreOptions & { readonly dataDir: string; readonly binary?: string | undefined },
): Promise<Restored> {
  const dataDir = resolve(options.dataDir)
  await requireEmpty(dataDir)
  const etcd = await findEtcd(options).catch((cause: unknown) => {
    throw cause instanceof EtcdStartFailure ? new BackupFailure('other', cause.message, { cause }) : cause
  })
  const tool = await findRestoreTool(options, etcd)
  const [clientPort = 0, peerPort = 0] = await freePorts(2)
  const member = { name: newMemberName(), dataDir: join(dataDir, 'etcd'), clientPort, peerPort }
  const peer = `http://127.0.0.1:${peerPort}`
  const flags = { name: member.name, initialCluster: `${member.name}=${peer}`, initialAdvertisePeerUrls: peer }
  const bumpedBy = await restoreInto(dataDir, 'etcd', tool, flags, options, () => rememberMember(dataDir, member))
  return { dataDir, tool: tool.description, bumpedBy }
}

/** Makes the data directory of one member of an external etcd; as {@link restoreEmbedded} otherwise. */
export async function restoreMember(options: RestoreOptions, flags: MemberFlags): Promise<Restored> {
  const dataDir = resolve(flags.etcdDataDir)
  await requireEmpty(dataDir)
  const tool = await findRestoreTool(options)
  const bumpedBy = await restoreInto(dataDir, 'member', tool, flags, options)
  return { dataDir, tool: tool.description, bumpedBy }
}

async function requireEmpty(dataDir: string): Promise<void> {
  let names: readonly string[]
  try {
    names = await readdir(dataDir)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return
    throw new BackupFailure('other', `${dataDir} cannot be used: ${messageOf(error)}`, { cause: error })
  }
  const others = names.filter((name) => name !== 'lost+found')
  if (others.length === 0) return
  throw new BackupFailure(
    'exists',
    `${dataDir} is not empty (${others.slice(0, 3).join(', ')}), and a restore never writes into existing data; move it away, or give another directory`,
  )
}

/**
 * Has the tool work in a folder of its own in `dataDir`, and moves the result, which is etcd's data directory (`etcd`) or the folder in it
 * (`member`), to its place in one step.
 */
async function restoreInto(
  dataDir: string,
  place: 'etcd' | 'member',
  tool: RestoreTool,
  flags: Omit<MemberFlags, 'etcdDataDir'>,
  { file, bumpRevision, environment }: RestoreOptions,
  prepare: () => Promise<void> = () => Promise.resolve(),
): Promise<bigint> {
  const bumpedBy = tool.canBumpRevision ? bumpRevision : 0n
  const workshop = join(dataDir, `restoring-${randomUUID()}`)
  const made = join(workshop, 'etcd')
  try {
    await mkdir(workshop, { recursive: true, mode: 0o700 })
    const args = [
      resolve(file),
      `--data-dir=${made}`,
      `--name=${flags.name}`,
      `--initial-cluster=${flags.initialCluster}`,
      `--initial-advertise-peer-urls=${flags.initialAdvertisePeerUrls}`,
      ...(flags.initialClusterToken === undefined ? [] : [`--initial-cluster-token=${flags.initialClusterToken}`]),
      ...(bumpedBy === 0n ? [] : [`--bump-revision=${bumpedBy}`, '--mark-compacted']),
    ]
    await runRestoreTool(tool, args, environment)
    await prepare()
    await rename(place === 'etcd' ? made : join(made, 'member'), join(dataDir, place))
    const folder = await open(dataDir, 'r')
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new BackupFailure('other', `${dataDir} cannot be used: ${messageOf(error)}`, { cause: error })
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
  return bumpedBy
}
