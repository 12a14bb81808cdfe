import { setTimeout as sleep } from 'node:timers/promises'
import type { DirectoryClaim } from './claim.ts'
import { launchEtcd, type Launch } from './launch.ts'
import { boundLog, logTail } from './log-file.ts'
import { endpointOf, type EtcdMember } from './member.ts'
import { endProcess, isRunning, sendSignal, type ProcessIdentity } from './processes.ts'

/** Logs events of the embedded etcd. */
export interface EmbeddedEtcdLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** A running etcd that this server started or took over. */
export interface EmbeddedEtcd {
  /** URL on loopback. It stays the same across restarts of etcd. */
  readonly endpoint: string
  /** The current process id; a restart of etcd changes it. */
  pid(): number
  /** Stops etcd and releases the data directory. */
  stop(): Promise<void>
}

/** A member and its process. */
export interface RunningMember {
  readonly member: EtcdMember
  readonly process: ProcessIdentity
  /** How it is started again if it ends. */
  readonly launch: Launch
}

/** How long an etcd may take to end before it is killed, in milliseconds. */
export const stopGraceMs = 10_000

const pollIntervalMs = 250
const logCheckIntervalMs = 30_000
const restartDelayMs = { min: 100, max: 10_000 } as const
/** An etcd that ran for this long starts the delays over. */
const steadyMs = 60_000

/** Keeps one etcd running. It may be the child of a server that is gone, so the supervisor polls for its end. */
export class Supervisor implements EmbeddedEtcd {
  readonly endpoint: string
  readonly #launch: Launch
  readonly #claim: DirectoryClaim
  readonly #logger: EmbeddedEtcdLogger
  readonly #stopping = new AbortController()
  readonly #supervision: Promise<void>
  /** etcd ends with this process, unless this process is killed. */
  readonly #onExit = (): void => {
    sendSignal(this.#process, 'SIGTERM')
  }
  #process: ProcessIdentity
  #stopped: Promise<void> | undefined

  constructor(running: RunningMember, claim: DirectoryClaim, logger: EmbeddedEtcdLogger) {
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
        await this.#attempt(boundLog(this.#launch.logFile), 'cannot limit the size of the log of etcd')
      }
      if (isRunning(this.#process)) continue
      const delayMs = Date.now() - launchedAt > steadyMs ? restartDelayMs.min : nextDelayMs
      nextDelayMs = Math.min(delayMs * 2, restartDelayMs.max)
      const tail = await logTail(this.#launch.logFile, 0).catch(() => [])
      this.#logger.error({ etcdPid: this.pid(), delayMs, tail }, 'etcd ended by itself; restarting it')
      if (!(await this.#pause(delayMs))) return
      launchedAt = Date.now()
      const launched = await this.#attempt(launchEtcd(this.#launch), 'cannot restart etcd')
      if (launched !== undefined) this.#process = launched
    }
  }

  /** Waits. Returns false as soon as the supervisor stops. */
  async #pause(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined)
    return !this.#stopping.signal.aborted
  }

  /** Logs an error instead of throwing it: supervision must go on. */
  async #attempt<Value>(work: Promise<Value>, message: string): Promise<Value | undefined> {
    try {
      return await work
    } catch (error) {
      this.#logger.error({ err: error }, message)
      return undefined
    }
  }
}
