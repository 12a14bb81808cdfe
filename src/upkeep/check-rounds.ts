import { type CheckFindings, detailsOf, type Leak, type Probe, Scan, type Store } from '../datastore/index.ts'
import { check, checkCodes, leakOf, readCheckTerms } from '../ipam/index.ts'
import { type BlockIndex, ipamConfigs, type Now } from '../model/index.ts'
import type { UpkeepLogger } from './pool-upkeep.ts'

/** The dependencies of the rounds, and their interval. */
export interface CheckRoundsOptions {
  /** The index beside the image of the store that is checked. */
  readonly blocks: BlockIndex
  /** Tells whether this server leads the upkeep: one server checks for all. */
  readonly isLeading: () => boolean
  readonly now: () => Now
  readonly logger: UpkeepLogger
  readonly probe: Pick<Probe, 'checkEnded' | 'checkLeft'>
  /** The time from the start of one check to that of the next; 0: nothing is checked. */
  readonly intervalSeconds: number
}

/** The parts of a store that a check needs. */
type CheckedStore = Pick<Store, 'page' | 'pending'>

/** How often to look whether a check is due. */
const lookMs = 500

/** The time from the start of leading to the first check: a server that was just started has more important work. */
const firstDelayMs = 60_000

/**
 * Checks regularly, on the server that leads, whether the stored data is consistent, and tells how often each code was found. It repairs
 * nothing. A check of much data takes minutes; the next one begins when it is due, and never while one runs.
 */
export class CheckRounds {
  readonly #options: CheckRoundsOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  /** When the next check is due, on the clock of `performance.now`; undefined while this server does not lead. */
  #dueAtMs: number | undefined
  #isStopped = false

  constructor(options: CheckRoundsOptions) {
    this.#options = options
  }

  /** Begins, unless the interval is 0. */
  start(store: CheckedStore): void {
    if (this.#options.intervalSeconds === 0) return
    this.#timer = setInterval(() => {
      this.#look(store)
    }, lookMs)
  }

  /** Ends, and gives up the check under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#running
  }

  #look(store: CheckedStore): void {
    const { isLeading, intervalSeconds, probe } = this.#options
    if (!isLeading()) {
      if (this.#dueAtMs !== undefined) probe.checkLeft({})
      this.#dueAtMs = undefined
      return
    }
    const now = performance.now()
    const intervalMs = intervalSeconds * 1_000
    this.#dueAtMs ??= now + Math.min(intervalMs, firstDelayMs)
    if (now < this.#dueAtMs || this.#running !== undefined) return
    this.#dueAtMs = now + intervalMs
    this.#running = this.#run(store, now, this.#dueAtMs).finally(() => {
      this.#running = undefined
    })
  }

  async #run(store: CheckedStore, begunAtMs: number, nextAtMs: number): Promise<void> {
    const { logger, probe } = this.#options
    let findings: CheckFindings | undefined
    try {
      findings = await this.#count(store)
    } catch (fault) {
      logger.warn(detailsOf(fault), 'the data could not be checked')
    }
    // Another server may have begun to lead, and tells what it finds.
    if (this.#isStopped || this.#dueAtMs !== nextAtMs) return
    const durationMs = performance.now() - begunAtMs
    const found = [...(findings?.codes ?? [])].filter(([, count]) => count > 0)
    if (found.length > 0)
      logger.warn(Object.fromEntries(found), 'the check has found faults; GET /ipam/v1/check lists them')
    probe.checkEnded({ findings, durationMs })
  }

  /** Counts what a check of everything finds. Undefined if it was given up. */
  async #count(store: CheckedStore): Promise<CheckFindings | undefined> {
    const codes = new Map<string, number>(Object.keys(checkCodes).map((code) => [code, 0]))
    const leaks = new Map<string, Leak>()
    const scan = await Scan.begin(store, ipamConfigs)
    const terms = await readCheckTerms(scan, this.#options.now())
    for await (const finding of check(scan, terms, { index: this.#options.blocks })) {
      if (this.#isStopped || !this.#options.isLeading()) return undefined
      codes.set(finding.code, (codes.get(finding.code) ?? 0) + 1)
      const leak = leakOf(finding, terms)
      if (leak === undefined) continue
      const name = JSON.stringify([leak.pool, leak.node])
      leaks.set(name, { ...leak, addresses: leak.addresses + (leaks.get(name)?.addresses ?? 0) })
    }
    return { codes, leaks: [...leaks.values()] }
  }
}
