import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isOlder, type EtcdVersion } from './binary.ts'
import { isSystemError } from './processes.ts'

/** One etcd that serves one data directory. */
export interface EtcdMember {
  /** Occurs in the command line of its process and of no other. */
  readonly name: string
  /** etcd's own directory, absolute. */
  readonly dataDir: string
  readonly clientPort: number
  readonly peerPort: number
}

/** Returns the URL of a member. */
export function endpointOf(member: EtcdMember): string {
  return `http://127.0.0.1:${member.clientPort}`
}

/** Returns the arguments that identify the process of a member, whichever server started it. */
export function identifyingArguments(member: Pick<EtcdMember, 'name' | 'dataDir'>): string[] {
  return [`--name=${member.name}`, `--data-dir=${member.dataDir}`]
}

/**
 * Returns the arguments of a member that is alone in its cluster.
 *
 * - *Compaction* is by time. An interrupted watch can resume, and a list can go on to its next page, while the history exists: at least two
 *   minutes, under any load. Compaction by revision would not do: etcd checks the number only every five minutes, and a busy server writes
 *   up to 30 MB of history a second. The file would exceed any quota, or the history would be too short.
 * - *Quota*: four minutes of that history, the most that etcd keeps, fit into its largest recommended size, 8 GiB.
 * - *Snapshots*: etcd keeps this number of log entries in memory, and 5,000 more; a batch of assigns is an entry of 20 kB.
 * - *Elections* have no other candidate, so there is no reason to wait a second for one.
 * - *Progress notifications* distinguish an idle watch from a dead one (docs/etcd.md section 2).
 */
export function etcdArguments(member: EtcdMember, version: EtcdVersion): string[] {
  const client = endpointOf(member)
  const peer = `http://127.0.0.1:${member.peerPort}`
  const progressFlag = isOlder(version, { major: 3, minor: 6, patch: 0 })
    ? '--experimental-watch-progress-notify-interval'
    : '--watch-progress-notify-interval'
  return [
    ...identifyingArguments(member),
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${member.name}=${peer}`,
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=2m',
    '--quota-backend-bytes=8589934592',
    '--snapshot-count=5000',
    '--heartbeat-interval=25',
    '--election-timeout=250',
    `${progressFlag}=5s`,
    '--logger=zap',
    '--log-outputs=stderr',
  ]
}

/**
 * Reads the name and the ports of the member from `etcd.json` in the data directory. The name identifies its process after a crash of the
 * server, and the ports stay the same across starts. Undefined if the file is missing or damaged; etcd's own data do not depend on it.
 */
export async function recallMember(dataDir: string): Promise<EtcdMember | undefined> {
  try {
    const stored: unknown = JSON.parse(await readFile(fileOf(dataDir), 'utf8'))
    if (!isStoredMember(stored)) return undefined
    const { name, clientPort, peerPort } = stored
    return { name, clientPort, peerPort, dataDir: join(dataDir, 'etcd') }
  } catch (error) {
    if (error instanceof SyntaxError || isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Writes `etcd.json`. Call it before the process of the member is started. */
export async function rememberMember(dataDir: string, member: EtcdMember): Promise<void> {
  const { name, clientPort, peerPort } = member
  const draft = `${fileOf(dataDir)}.draft`
  await writeFile(draft, `${JSON.stringify({ name, clientPort, peerPort })}\n`, { mode: 0o600 })
  await rename(draft, fileOf(dataDir))
}

/** Makes a unique name for a member. */
export function newMemberName(): string {
  return `ippoold-${randomBytes(8).toString('hex')}`
}

function isStoredMember(stored: unknown): stored is Omit<EtcdMember, 'dataDir'> {
  if (typeof stored !== 'object' || stored === null) return false
  if (!('name' in stored && 'clientPort' in stored && 'peerPort' in stored)) return false
  return typeof stored.name === 'string' && Number.isInteger(stored.clientPort) && Number.isInteger(stored.peerPort)
}

function fileOf(dataDir: string): string {
  return join(dataDir, 'etcd.json')
}
