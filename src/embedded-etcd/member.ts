import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isOlder, type EtcdBinary, type EtcdVersion } from './binary.ts'
import { childEnvironment, type Environment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'
import { identify, isRunning, type ProcessIdentity } from './processes.ts'

/** One etcd that serves one data directory. */
export interface Member {
  /** Found in the command line of its process, and in that of no other. */
  readonly name: string
  /** etcd's own directory, absolute. */
  readonly dataDir: string
  readonly clientPort: number
  readonly peerPort: number
}

/** Where a member serves. */
export function endpointOf(member: Member): string {
  return `http://127.0.0.1:${member.clientPort}`
}

/** The arguments by which the process of a member is known, whoever started it. */
export function identifyingArguments(member: Pick<Member, 'name' | 'dataDir'>): string[] {
  return [`--name=${member.name}`, `--data-dir=${member.dataDir}`]
}

/**
 * The command line of a member that is alone in its cluster.
 *
 * - *Compaction* is by time. A watch that was cut off resumes, and a listing goes on to its next page, as long as the history
 *   is there: two minutes at the least, whatever the load. etcd looks at a bound in revisions only every five minutes, and
 *   a busy server writes up to 30 MB of history a second; so the file would outgrow any quota before, or the history be too short after.
 * - *Quota*: four minutes of such a history, the most that is kept, fit into etcd's largest recommended size, 8 GiB.
 * - *Snapshots*: etcd holds as many entries of its log in memory, and 5,000 more; a batch of assignments is an entry of 20 kB.
 * - *Elections* have no other candidate, so waiting a second for one is of no use.
 * - *Progress notifications* tell a watch that nothing happens from one that is dead (docs/etcd.md section 2).
 */
export function etcdArguments(member: Member, version: EtcdVersion): string[] {
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

/** What a process of etcd is started with. */
export interface Launch {
  readonly binary: EtcdBinary
  readonly args: readonly string[]
  /** Folder to run in. */
  readonly cwd: string
  /** Appended to. */
  readonly logFile: string
  readonly environment: Environment
}

/**
 * Starts etcd and returns while it is still starting. It writes its log to a file by itself, and is the leader of a session of
 * its own: Ctrl-C in the terminal of the server is not for etcd, which must outlive the requests in flight. Throws
 * {@link EtcdStartFailure} when the system cannot run it.
 */
export async function launchEtcd(launch: Launch): Promise<ProcessIdentity> {
  const log = openSync(launch.logFile, 'a', 0o600)
  try {
    const child = spawn(launch.binary.path, launch.args, {
      cwd: launch.cwd,
      env: childEnvironment(launch.environment),
      stdio: ['ignore', log, log],
      detached: true,
    })
    await once(child, 'spawn')
    child.unref()
    const pid = child.pid ?? 0
    // Gone already, and without an identity: the same as any process that ended.
    return identify(pid) ?? { pid, start: 'ended' }
  } catch (cause) {
    throw new EtcdStartFailure(`${launch.binary.path} cannot be started: ${String(cause)}`, { cause })
  } finally {
    closeSync(log)
  }
}

/** Whether etcd can serve; if not, what it says about it. */
export async function askHealth(endpoint: string): Promise<{ readonly isHealthy: boolean; readonly answer: string }> {
  try {
    const response = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(2_000) })
    const answer = await response.text()
    // 3.4 answers "true" as a string.
    return { isHealthy: response.ok && /"health"\s*:\s*"?true"?/.test(answer), answer: answer.trim() }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { isHealthy: false, answer: cause instanceof Error ? cause.message : String(cause) }
  }
}

/** Waits until etcd serves. What it gives is undefined then, else a phrase that says why it does not. Times in milliseconds. */
export async function waitUntilHealthy(
  endpoint: string,
  process: ProcessIdentity,
  timeoutMs: number,
): Promise<string | undefined> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const isAlive = isRunning(process)
    const { isHealthy, answer } = await askHealth(endpoint)
    if (!isAlive) return 'it ended at once'
    if (isHealthy) return undefined
    if (Date.now() >= deadline) return `it did not become healthy within ${timeoutMs / 1_000} s (${answer})`
    await sleep(20)
  }
}
