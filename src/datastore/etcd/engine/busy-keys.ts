/** Two lost races within this time are a fight: somebody else writes the key as often as this server would. */
const fightMs = 1_000

/** How long after a fight whatever others have just written is left to them. */
const truceMs = 2_000

/** How many lost races are remembered before those that are over are forgotten. */
const lossesMax = 1_000

/** A race for a key that somebody else won. */
interface Loss {
  readonly atMs: number
  /** Until then somebody else is taken to go on writing the key. */
  readonly contestedUntilMs: number
}

/** A commit that is writing a key. */
interface Writing {
  readonly key: string
  readonly isCreated: boolean
  /** Whose plans are known to read the key. */
  readonly companies: string[]
}

/**
 * The keys that commits under way are writing. A plan that reads one of them would lose the race against this very server, so
 * it waits for the commit instead. And the keys over which this server fights with others, which a plan had better avoid.
 */
export class BusyKeys {
  readonly #keys = new Map<string, Writing>()
  /** By the name of the company what it waits for. */
  readonly #companies = new Map<string, Writing>()
  readonly #losses = new Map<string, Loss>()
  #truceUntilMs = 0
  readonly #now: () => number

  /** `now` is the time in milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** A key below `prefix` whose commit would break the guard on it, if there is one. */
  below(prefix: string, guard: 'changed' | 'created'): string | undefined {
    for (const { key, isCreated } of this.#keys.values()) {
      if ((isCreated || guard === 'changed') && key.startsWith(prefix)) return key
    }
    return undefined
  }

  add(key: string, isCreated: boolean): void {
    this.#keys.set(key, { key, isCreated, companies: [] })
  }

  delete(key: string): void {
    for (const company of this.#keys.get(key)?.companies ?? []) this.#companies.delete(company)
    this.#keys.delete(key)
  }

  /** Says that a plan of `company` has to wait for the commit that is writing `key`: so will the others, and need not find out. */
  letWait(company: string, key: string): void {
    const writing = this.#keys.get(key)
    if (writing === undefined || this.#companies.has(company)) return
    writing.companies.push(company)
    this.#companies.set(company, writing)
  }

  /** The key that plans of `company` wait for, if they do. */
  awaitedBy(company: string): string | undefined {
    return this.#companies.get(company)?.key
  }

  /** To be called when a commit that was to write the key found that somebody else had written it. */
  lost(key: string): void {
    const atMs = this.#now()
    const before = this.#losses.get(key)
    const isFight = before !== undefined && atMs - before.atMs < fightMs
    if (isFight) this.#truceUntilMs = atMs + truceMs
    if (this.#losses.size >= lossesMax) this.#forget(atMs)
    this.#losses.set(key, { atMs, contestedUntilMs: isFight ? atMs + fightMs : (before?.contestedUntilMs ?? 0) })
  }

  /** Whether somebody else keeps writing the key. */
  isContested(key: string): boolean {
    const loss = this.#losses.get(key)
    return loss !== undefined && this.#now() < loss.contestedUntilMs
  }

  /** Whether there was a fight over any key a short time ago, so that others are at work on the same things. */
  get isTruce(): boolean {
    return this.#now() < this.#truceUntilMs
  }

  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#losses) if (nowMs - atMs >= fightMs) this.#losses.delete(key)
  }
}
