import { detailsOf, type Leadership, type Probe, type Store } from '../datastore/index.ts'
import {
  type Collected,
  planCollectCooled,
  planCollectEmpty,
  planGiveBackCharges,
  planReadCooldown,
} from '../ipam/index.ts'
import {
  annexes,
  type BlockIndex,
  blockKey,
  type ChargeIndex,
  type IndexedBlock,
  nanosecondsPerSecond,
  type Now,
} from '../model/index.ts'
import { mustParseCidr } from '../net/index.ts'
import { answerOnly, carryOutSteps, type Plan, type TakeStep, type View } from '../plan/index.ts'
import { planRemoveOrphans, type ServedKind, type StoredObject } from '../resources/index.ts'
import type { UpkeepLogger } from './pool-upkeep.ts'
import { StaleCharges } from './stale-charges.ts'

/** The dependencies of the collection, and its intervals. */
export interface CollectionOptions {
  readonly blocks: BlockIndex
  readonly charges: ChargeIndex
  readonly kinds: readonly ServedKind<StoredObject>[]
  readonly now: () => Now
  readonly logger: UpkeepLogger
  readonly probe: Pick<Probe, 'blocksCollected' | 'upkeepEnded'>
  /** The interval at which everything is looked at; 0: never. */
  readonly intervalSeconds: number
  /** How long a block must have been empty before it is released; 0: it never is. */
  readonly graceSeconds: number
}

/** The time after which a leader that is gone is replaced. */
const leaseSeconds = 10

const everything = [mustParseCidr('0.0.0.0/0'), mustParseCidr('::/0')] as const

/** An empty block, as it was when it was first seen empty. */
interface Idle {
  readonly sequenceNumber: bigint
  readonly sinceMs: number
}

/**
 * Collects what no request would: addresses whose cooldown is over, blocks that have been empty for long, annexes whose objects were
 * deleted without them, and charges for addresses that something else than ippoold released. One server at a time does so: each of its
 * transactions proves that this server leads, and proves the rest as any other change does, so that nothing in use is touched.
 */
export class Collection {
  readonly #options: CollectionOptions
  #store: Pick<Store, 'submit' | 'page' | 'peek' | 'peekAll'> | undefined
  #leadership: Leadership | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isStopped = false
  #idle = new Map<string, Idle>()
  readonly #staleCharges: StaleCharges

  constructor(options: CollectionOptions) {
    this.#options = options
    this.#staleCharges = new StaleCharges(options.blocks, options.charges)
  }

  /** Begins, unless the interval is 0. */
  start(store: Pick<Store, 'submit' | 'candidate' | 'page' | 'peek' | 'peekAll'>): void {
    const { intervalSeconds, logger } = this.#options
    if (intervalSeconds === 0) return
    this.#store = store
    this.#leadership = store.candidate({
      task: 'upkeep',
      seconds: leaseSeconds,
      changed: (isLeading) => {
        // Another leader may have led in between: what was seen before says nothing.
        this.#idle = new Map()
        this.#staleCharges.reset()
        logger.info({ isLeading }, isLeading ? 'leads the upkeep' : 'leaves the upkeep to another server')
      },
    })
    this.#leadership.start()
    this.#plan()
  }

  /** True if this server led the upkeep when it last looked. */
  get isLeading(): boolean {
    return this.#leadership?.isLeading === true
  }

  /** Ends after the step under way, and leaves the work to another server. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#running
    await this.#leadership?.stop()
  }

  #plan(): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#running = this.#round().finally(() => {
        this.#plan()
      })
    }, this.#options.intervalSeconds * 1_000)
  }

  async #round(): Promise<void> {
    if (!this.isLeading) return
    const startedMs = performance.now()
    const done = { isDone: false, annexes: 0, charges: 0 }
    try {
      await this.#collectBlocks()
      done.annexes = await this.#collectAnnexes()
      done.charges = await this.#giveBackCharges()
      done.isDone = true
    } catch (err) {
      // The next round goes on from what is stored.
      this.#options.logger.warn(detailsOf(err), 'the upkeep could not be carried on')
    }
    this.#options.probe.upkeepEnded({ ...done, durationMs: performance.now() - startedMs })
  }

  async #collectBlocks(): Promise<void> {
    const cooldownSeconds = await this.#submit(planReadCooldown, undefined)
    if (cooldownSeconds === undefined) return
    const due = this.#due(cooldownSeconds)
    const done = { cooled: 0, released: 0, nothing: 0 }
    const fault = await this.#carryOut(async (position) => {
      const place = Number(position)
      const block = due[place]
      if (block !== undefined) done[await this.#submit(this.#planBlock(block), 'nothing')]++
      return { answer: undefined, next: place + 1 < due.length ? String(place + 1) : undefined }
    })
    const { cooled, released } = done
    if (cooled + released > 0) {
      this.#options.logger.info({ cooled, released }, 'tidied up blocks')
      this.#options.probe.blocksCollected({ cooled, released })
    }
    if (fault !== undefined) throw fault
  }

  #planBlock({ cidr, coolingSince, sequenceNumber }: IndexedBlock): (view: View) => Plan<Collected> {
    const now = this.#options.now()
    return (view) =>
      coolingSince === undefined
        ? planCollectEmpty(view, cidr, sequenceNumber, now)
        : planCollectCooled(view, cidr, now)
  }

  /** Gives back the charges for addresses that other programs have released. Returns how many. */
  async #giveBackCharges(): Promise<number> {
    if (this.#store === undefined) return 0
    let count = 0
    for await (const cidr of this.#staleCharges.find(this.#store)) {
      // May take several transactions: a block may have charges to many quotas.
      for (let returned = 1; returned > 0 && !this.#isStopped; count += returned) {
        returned = await this.#submit((view) => planGiveBackCharges(view, cidr), 0)
      }
      if (this.#isStopped) return count
    }
    if (count > 0)
      this.#options.logger.info({ count }, 'gave back charges for addresses that other programs had released')
    return count
  }

  /** Removes the annexes of objects that are gone. Returns how many. */
  async #collectAnnexes(): Promise<number> {
    let removed = 0
    for (const kind of this.#options.kinds) {
      const names = this.#orphansOf(kind)
      if (names.length === 0) continue
      const fault = await this.#carryOut(async (position) => {
        const step = await this.#submit((view) => planRemoveOrphans(view, kind, names, position), {
          answer: 0,
          next: undefined,
        })
        removed += step.answer
        return step
      })
      if (fault !== undefined) throw fault
    }
    if (removed > 0) this.#options.logger.info({ removed }, 'removed annexes of objects that are gone')
    return removed
  }

  /** Takes the steps until this server stops. Returns the fault of a later step, throws that of the first. */
  async #carryOut<Answer>(take: TakeStep<Answer>): Promise<Error | undefined> {
    const { fault } = await carryOutSteps(take, { isHarmless: () => true, isStopped: () => this.#isStopped })
    return fault
  }

  /** The names of annexes whose objects seem to be gone, by what is in memory. The plan proves it. */
  #orphansOf({ storage: { annexing } }: ServedKind<StoredObject>): readonly string[] {
    const store = this.#store
    if (annexing === undefined || store === undefined) return []
    return store
      .peekAll(annexes, annexing.prefix)
      .flatMap(({ key, kind }) => (kind === 'value' ? [key.slice(annexing.prefix.length)] : []))
      .filter((name) => store.peek(annexing.objectKey(name))?.kind === 'absent')
  }

  /** The blocks that may have something to collect, by the index of blocks. The plans prove it. */
  #due(cooldownSeconds: number): readonly IndexedBlock[] {
    const { blocks, now } = this.#options
    const cooledBefore = now().nanoseconds - BigInt(cooldownSeconds) * nanosecondsPerSecond
    const seen = new Map<string, Idle>()
    const due: IndexedBlock[] = []
    for (const range of everything) {
      for (const block of blocks.overlapping(range)) {
        const isCooled = block.coolingSince !== undefined && block.coolingSince < cooledBefore
        if (isCooled || this.#isLongEmpty(block, seen)) due.push(block)
      }
    }
    this.#idle = seen
    return due
  }

  /** True if the block was seen empty and unchanged in all rounds of the grace period. */
  #isLongEmpty(block: IndexedBlock, seen: Map<string, Idle>): boolean {
    if (this.#options.graceSeconds === 0 || !block.isEmpty || block.affinity === null) return false
    const key = blockKey(block.cidr).text
    const before = this.#idle.get(key)
    const isSame = before?.sequenceNumber === block.sequenceNumber
    const idle = isSame ? before : { sequenceNumber: block.sequenceNumber, sinceMs: performance.now() }
    seen.set(key, idle)
    return performance.now() - idle.sinceMs >= this.#options.graceSeconds * 1_000
  }

  /** Carries out a plan if this server leads, which the commit proves; answers `otherwise` if it does not. */
  async #submit<Answer>(plan: (view: View) => Plan<Answer>, otherwise: Answer): Promise<Answer> {
    if (this.#store === undefined) return otherwise
    const { answer } = await this.#store.submit((view) =>
      this.#leadership?.isProved(view) === true ? plan(view) : answerOnly(otherwise),
    )
    return answer
  }
}
