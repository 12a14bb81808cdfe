import type { Leadership, Store } from '../datastore/index.ts'
import { planCollectCooled, planCollectEmpty, planReadCooldown } from '../ipam/index.ts'
import {
  annexes,
  type BlockIndex,
  blockKey,
  type IndexedBlock,
  nanosecondsPerSecond,
  type Now,
} from '../model/index.ts'
import { mustParseCidr } from '../net/index.ts'
import { answerOnly, type Plan, type View } from '../plan/index.ts'
import { orphansAtOnceMax, planRemoveOrphans, type ServedKind, type StoredObject } from '../resources/index.ts'
import type { UpkeepLogger } from './pool-termination.ts'

/** What the collection is made of. */
export interface CollectionOptions {
  readonly blocks: BlockIndex
  readonly kinds: readonly ServedKind<StoredObject>[]
  readonly now: () => Now
  readonly logger: UpkeepLogger
  /** How often everything is looked at; 0: never. */
  readonly intervalSeconds: number
  /** How long a block must have been empty before it is taken back; 0: it never is. */
  readonly graceSeconds: number
}

/** After that a leader that is gone is replaced. */
const leaseSeconds = 10

const everything = [mustParseCidr('0.0.0.0/0'), mustParseCidr('::/0')] as const

/** An empty block, as it was when it was first seen so. */
interface Idle {
  readonly sequenceNumber: bigint
  readonly sinceMs: number
}

/**
 * Tidies up what nobody else would: addresses whose rest is over, blocks that have been empty for long, and annexes of objects that were
 * deleted without them. On one server at a time; each of its transactions compares that it is this one, and proves the rest as any other
 * change does, so that what is in use is never touched.
 */
export class Collection {
  readonly #options: CollectionOptions
  #store: Pick<Store, 'submit' | 'peek' | 'peekAll'> | undefined
  #leadership: Leadership | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isStopped = false
  #idle = new Map<string, Idle>()

  constructor(options: CollectionOptions) {
    this.#options = options
  }

  /** Begins, unless it is switched off. */
  start(store: Pick<Store, 'submit' | 'candidate' | 'peek' | 'peekAll'>): void {
    const { intervalSeconds, logger } = this.#options
    if (intervalSeconds === 0) return
    this.#store = store
    this.#leadership = store.candidate({
      task: 'upkeep',
      seconds: leaseSeconds,
      changed: (isLeading) => {
        // What another leader saw is not known here.
        this.#idle = new Map()
        logger.info({ isLeading }, isLeading ? 'leads the upkeep' : 'leaves the upkeep to another server')
      },
    })
    this.#leadership.start()
    this.#plan()
  }

  /** Ends, after the step under way, and leaves the work to another server. */
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
    if (this.#leadership?.isLeading !== true) return
    try {
      await this.#collectBlocks()
      await this.#collectAnnexes()
    } catch (err) {
      // Nothing was changed by what failed; the next round tries again.
      this.#options.logger.warn({ err }, 'the upkeep could not be carried on')
    }
  }

  async #collectBlocks(): Promise<void> {
    const cooldownSeconds = await this.#submit(planReadCooldown, undefined)
    if (cooldownSeconds === undefined) return
    const done = { cooled: 0, released: 0, nothing: 0 }
    for (const { cidr, coolingSince, sequenceNumber } of this.#due(cooldownSeconds)) {
      if (this.#isStopped) break
      const now = this.#options.now()
      const plan = (view: View): Plan<keyof typeof done> =>
        coolingSince === undefined
          ? planCollectEmpty(view, cidr, sequenceNumber, now)
          : planCollectCooled(view, cidr, now)
      done[await this.#submit(plan, 'nothing')]++
    }
    const { cooled, released } = done
    if (cooled + released > 0) this.#options.logger.info({ cooled, released }, 'tidied up blocks')
  }

  async #collectAnnexes(): Promise<void> {
    let removed = 0
    for (const kind of this.#options.kinds) {
      const names = this.#orphansOf(kind)
      for (let first = 0; first < names.length && !this.#isStopped; first += orphansAtOnceMax) {
        const some = names.slice(first, first + orphansAtOnceMax)
        removed += await this.#submit((view) => planRemoveOrphans(view, kind, some), 0)
      }
    }
    if (removed > 0) this.#options.logger.info({ removed }, 'removed annexes of objects that are gone')
  }

  /** The names of annexes whose objects seem to be gone. What is in memory is a hint; the plan proves it. */
  #orphansOf({ storage: { annexing } }: ServedKind<StoredObject>): readonly string[] {
    const store = this.#store
    if (annexing === undefined || store === undefined) return []
    return store
      .peekAll(annexes, annexing.prefix)
      .flatMap(({ key, kind }) => (kind === 'value' ? [key.slice(annexing.prefix.length)] : []))
      .filter((name) => store.peek(annexing.objectKey(name))?.kind === 'absent')
  }

  /** The blocks that there may be something to do about. What the index says is a hint; the plans prove it. */
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

  /** Whether the block was seen empty, and unchanged, in all rounds of the grace period. */
  #isLongEmpty(block: IndexedBlock, seen: Map<string, Idle>): boolean {
    if (this.#options.graceSeconds === 0 || !block.isEmpty || block.affinity === null) return false
    const key = blockKey(block.cidr).text
    const before = this.#idle.get(key)
    const isSame = before?.sequenceNumber === block.sequenceNumber
    const idle = isSame ? before : { sequenceNumber: block.sequenceNumber, sinceMs: performance.now() }
    seen.set(key, idle)
    return performance.now() - idle.sinceMs >= this.#options.graceSeconds * 1_000
  }

  /** Carries out a plan if this server leads, which the commit proves; `otherwise` when it does not. */
  async #submit<Answer>(plan: (view: View) => Plan<Answer>, otherwise: Answer): Promise<Answer> {
    if (this.#store === undefined) return otherwise
    const { answer } = await this.#store.submit((view) =>
      this.#leadership?.isProved(view) === true ? plan(view) : answerOnly(otherwise),
    )
    return answer
  }
}
