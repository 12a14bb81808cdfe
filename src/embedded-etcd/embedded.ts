import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findEtcd, formatVersion, type EtcdBinary } from './binary.ts'
import { claimDirectory, type Claim } from './claim.ts'
import type { Environment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'
import { boundLog, logTail, sizeOf } from './log-file.ts'
import { newMemberName, recallMember, rememberMember } from './member-file.ts'
import {
  askHealth,
  endpointOf,
  etcdArguments,
  identifyingArguments,
  launchEtcd,
  waitUntilHealthy,
  type Launch,
  type Member,
} from './member.ts'
import { freePorts, isFree } from './ports.ts'
import { endProcess, findProcess, hasCommandLine, isRunning, sendSignal, type ProcessIdentity } from './processes.ts'

/** What an embedded etcd needs to know. */
export interface EmbeddedEtcdOptions {
  /** Everything is kept here: etcd's data in `etcd/`, its log in `etcd.log`, its name and ports, and who uses the directory. */
  readonly dataDir: string
  /** Where a fetched etcd binary is kept; may be shared. */
  readonly cacheDir: string
  /** The etcd binary to use; undefined looks for one. */
  readonly binary?: string | undefined
  readonly environment: Environment
  /** Told, in one line, what takes time before etcd can start. */
  readonly announce: (line: string) => void
  readonly logger: EmbeddedEtcdLogger
  /** How long etcd may take to start; reading 8 GiB takes a while. */
  readonly readyTimeoutMs?: number
}

/** What the embedded etcd needs to say about itself. */
export interface EmbeddedEtcdLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** An etcd of our own. */
export interface EmbeddedEtcd {
  /** URL, on loopback. The same for as long as it runs. */
  readonly endpoint: string
  /** The process id at the moment; another one after a restart. */
  pid(): number
  /** Ends etcd and gives the data directory back. */
  stop(): Promise<void>
}

const stopGraceMs = 10_000

/**
 * Starts an etcd on a data directory, or takes over the one that a server left behind there when it was killed. Ready when this
 * resolves, and started again whenever it ends by itself. Throws {@link EtcdStartFailure} when there is no etcd to be had,
 * when it does not start, when the data directory cannot be used, and when another server is using it.
 */
export async function startEmbeddedEtcd(options: EmbeddedEtcdOptions): Promise<EmbeddedEtcd> {
  try {
    return await startOn(options)
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw new EtcdStartFailure(
      `The data directory ${options.dataDir} cannot be used (${cause.message}). Give one that ippoold may write to with IPPOOLD_DATA_DIR.`,
      { cause },
    )
  }
}

async function startOn(options: EmbeddedEtcdOptions): Promise<EmbeddedEtcd> {
  await mkdir(join(options.dataDir, 'etcd'), { recursive: true, mode: 0o700 })
  const dataDir = await realpath(options.dataDir)
  const claim = await claimFor(dataDir)
  try {
    const binary = await findEtcd(options)
    warnOfFaults(binary, options.logger)
    const running = (await adopt(dataDir, binary, options)) ?? (await start(dataDir, binary, options))
    return new Supervisor(running, claim, options.logger)
  } catch (error) {
    await claim.release()
    throw error
  }
}

async function claimFor(dataDir: string): Promise<Claim> {
  const outcome = await claimDirectory(dataDir)
  if (outcome.ok) return outcome.claim
  const member = await recallMember(dataDir)
  const endpoint = member === undefined ? '<the URL of its etcd>' : endpointOf(member)
  throw new EtcdStartFailure(
    [
      `The data directory ${dataDir} is in use by another ippoold, process ${outcome.ownerPid}.`,
      `Give this one a directory of its own with IPPOOLD_DATA_DIR, or let both share one etcd: ETCD_ENDPOINTS=${endpoint}`,
    ].join('\n'),
  )
}

/** See docs/etcd.md section 1: the members of 3.5.0 to 3.5.2 could lose data in a crash, and 3.5.5 crashes in a defragmentation. */
function warnOfFaults({ path, version }: EtcdBinary, logger: EmbeddedEtcdLogger): void {
  if (version.major !== 3 || version.minor !== 5 || version.patch >= 6) return
  logger.warn({ path, version: formatVersion(version) }, 'this etcd has faults that can lose data; use 3.5.6 or newer')
}

interface RunningMember {
  readonly member: Member
  readonly process: ProcessIdentity
  /** How it was started, and is again when it ends. */
  readonly launch: Launch
}

/**
 * The etcd that runs on the data directory although no server does: its server was killed. It is known by its command line. One that
 * is healthy, and was started as we would start it, is taken over; any other is ended, and the outcome is undefined.
 */
async function adopt(
  dataDir: string,
  binary: EtcdBinary,
  options: EmbeddedEtcdOptions,
): Promise<RunningMember | undefined> {
  const member = await recallMember(dataDir)
  if (member === undefined) return undefined
  const orphan = findProcess(identifyingArguments(member))
  if (orphan === undefined) return undefined
  const launch = launchOf(dataDir, member, binary, options)
  const isAsWeStartIt = hasCommandLine(orphan, [binary.path, ...launch.args])
  if (isAsWeStartIt && (await askHealth(endpointOf(member))).isHealthy) {
    options.logger.info({ etcdPid: orphan.pid }, 'took over the etcd of a server that was killed')
    return { member, process: orphan, launch }
  }
  options.logger.info({ etcdPid: orphan.pid }, 'ending the etcd of a server that was killed')
  await endProcess(orphan, stopGraceMs)
  return undefined
}

/** Starts etcd at its ports of last time, or at others when somebody else has them. */
async function start(dataDir: string, binary: EtcdBinary, options: EmbeddedEtcdOptions): Promise<RunningMember> {
  const attempts = 3
  for (let attempt = 1; ; attempt += 1) {
    const member = await chooseMember(dataDir)
    await rememberMember(dataDir, member)
    const launch = launchOf(dataDir, member, binary, options)
    await boundLog(launch.logFile)
    const logStart = await sizeOf(launch.logFile)
    const process = await launchEtcd(launch)
    const problem = await waitUntilHealthy(endpointOf(member), process, options.readyTimeoutMs ?? 60_000)
    if (problem === undefined) return { member, process, launch }
    await endProcess(process, stopGraceMs)
    const tail = await logTail(launch.logFile, logStart)
    // Somebody took one of the ports after we had looked.
    if (attempt < attempts && tail.some((line) => line.includes('address already in use'))) continue
    const lines = [
      `etcd did not start: ${problem}.`,
      `The end of ${launch.logFile}:`,
      ...tail.map((line) => `  ${line}`),
    ]
    throw new EtcdStartFailure(lines.join('\n'))
  }
}

async function chooseMember(dataDir: string): Promise<Member> {
  const known = await recallMember(dataDir)
  if (known !== undefined && (await isFree(known.clientPort)) && (await isFree(known.peerPort))) return known
  const [clientPort = 0, peerPort = 0] = await freePorts(2)
  return { name: known?.name ?? newMemberName(), dataDir: join(dataDir, 'etcd'), clientPort, peerPort }
}

function launchOf(dataDir: string, member: Member, binary: EtcdBinary, options: EmbeddedEtcdOptions): Launch {
  return {
    binary,
    args: etcdArguments(member, binary.version),
    cwd: dataDir,
    logFile: join(dataDir, 'etcd.log'),
    environment: options.environment,
  }
}

const pollIntervalMs = 250
const logCheckIntervalMs = 30_000
const restartDelayMs = { min: 100, max: 10_000 } as const
/** One that ran for this long was not hindered by what hindered the one before. */
const steadyMs = 60_000

/** Keeps one etcd running, whoever started it: it may be the child of a server that is gone, so its end is seen by looking. */
class Supervisor implements EmbeddedEtcd {
  readonly endpoint: string
  readonly #launch: Launch
  readonly #claim: Claim
  readonly #logger: EmbeddedEtcdLogger
  readonly #stopping = new AbortController()
  readonly #supervision: Promise<void>
  /** Whatever ends this process, short of a kill, ends etcd too. */
  readonly #onExit = (): void => {
    sendSignal(this.#process, 'SIGTERM')
  }
  #process: ProcessIdentity
  #stopped: Promise<void> | undefined

  constructor(running: RunningMember, claim: Claim, logger: EmbeddedEtcdLogger) {
    this.endpoint = endpointOf(running.member)
    this.#launch = running.launch
    this.#process = running.process
    this.#claim = claim
    this.#logger = logger
    process.on('exit', this.#onExit)
    this.#supervision = this.#supervise()
  }

  pid(): number {
    return this.#process.pid
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    await this.#supervision
    await endProcess(this.#process, stopGraceMs)
    process.off('exit', this.#onExit)
    await this.#claim.release()
  }

  async #supervise(): Promise<void> {
    let nextDelayMs: number = restartDelayMs.min
    let launchedAt = Date.now()
    let logCheckedAt = Date.now()
    while (await this.#pause(pollIntervalMs)) {
      if (Date.now() - logCheckedAt > logCheckIntervalMs) {
        logCheckedAt = Date.now()
        await this.#attempt(boundLog(this.#launch.logFile), 'the log of etcd cannot be shortened')
      }
      if (isRunning(this.#process)) continue
      const delayMs = Date.now() - launchedAt > steadyMs ? restartDelayMs.min : nextDelayMs
      nextDelayMs = Math.min(delayMs * 2, restartDelayMs.max)
      const tail = await logTail(this.#launch.logFile, 0).catch(() => [])
      this.#logger.error({ etcdPid: this.pid(), delayMs, tail }, 'etcd ended by itself; starting it again')
      if (!(await this.#pause(delayMs))) return
      launchedAt = Date.now()
      const launched = await this.#attempt(launchEtcd(this.#launch), 'etcd could not be started again')
      if (launched !== undefined) this.#process = launched
    }
  }

  /** Waits. False as soon as the supervision is to end. */
  async #pause(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined)
    return !this.#stopping.signal.aborted
  }

  /** Supervision goes on whatever fails. */
  async #attempt<Value>(work: Promise<Value>, message: string): Promise<Value | undefined> {
    try {
      return await work
    } catch (error) {
      this.#logger.error({ err: error }, message)
      return undefined
    }
  }
}
