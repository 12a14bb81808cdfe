/** Two lost races within this time are a fight: somebody else writes the key as often as this server would. */
const fightMs = 1_000

/** How many lost races are remembered before those that are over are forgotten. */
const lossesMax = 1_000

/** A race for a key that somebody else won. */
interface Loss {
  readonly atMs: number
  /** Until then somebody else is taken to go on writing the key. */
  readonly contestedUntilMs: number
}

/**
 * The keys that commits under way are writing. A plan that reads one of them would lose the race against this very server, so
 * it waits for the commit instead. And the keys over which this server fights with others, which a plan had better avoid.
 */
export class BusyKeys {
  /** Key to whether the commit creates it. */
  readonly #keys = new Map<string, boolean>()
  readonly #losses = new Map<string, Loss>()
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
    for (const [key, isCreated] of this.#keys) {
      if ((isCreated || guard === 'changed') && key.startsWith(prefix)) return key
    }
    return undefined
  }

  add(key: string, isCreated: boolean): void {
    this.#keys.set(key, isCreated)
  }

  delete(key: string): void {
    this.#keys.delete(key)
  }

  /** To be called when a commit that was to write the key found that somebody else had written it. */
  lost(key: string): void {
    const atMs = this.#now()
    const before = this.#losses.get(key)
    const isFight = before !== undefined && atMs - before.atMs < fightMs
    if (this.#losses.size >= lossesMax) this.#forget(atMs)
    this.#losses.set(key, { atMs, contestedUntilMs: isFight ? atMs + fightMs : (before?.contestedUntilMs ?? 0) })
  }

  /** Whether somebody else keeps writing the key. */
  isContested(key: string): boolean {
    const loss = this.#losses.get(key)
    return loss !== undefined && this.#now() < loss.contestedUntilMs
  }

  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#losses) if (nowMs - atMs >= fightMs) this.#losses.delete(key)
  }
}
