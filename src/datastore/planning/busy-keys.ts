/** Two races for a key lost in a row within this time are contention: another server writes it as often as this one would. */
const contentionMs = 1_000

/** How long after that this server leaves to others what they have just written. */
const backOffMs = 2_000

/** Lost races remembered before those that are over are forgotten. */
const lossesMax = 1_000

/** A race for a key that another server won. */
interface Loss {
  readonly atMs: number
  /** Until then, another server is assumed to keep writing the key. */
  readonly contestedUntilMs: number
}

/** A commit that is writing a key. */
interface Writing {
  readonly key: string
  readonly isCreated: boolean
  /** The contention groups whose plans are known to read the key. */
  readonly groups: string[]
}

/**
 * The keys that commits in flight are writing. A plan that reads one of them would lose the race against this very server, so it waits
 * for the commit. And the keys for which this server contends with others, which a plan should avoid.
 */
export class BusyKeys {
  readonly #keys = new Map<string, Writing>()
  /** The write that each contention group waits for. */
  readonly #groups = new Map<string, Writing>()
  readonly #losses = new Map<string, Loss>()
  #backOffUntilMs = 0
  readonly #now: () => number

  /** `now` is the time in milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** A key below `prefix` whose commit would break the guard on the prefix, if there is one. */
  below(prefix: string, guard: 'changed' | 'created' | 'current'): string | undefined {
    for (const { key, isCreated } of this.#keys.values()) {
      if ((isCreated || guard !== 'created') && key.startsWith(prefix)) return key
    }
    return undefined
  }

  add(key: string, isCreated: boolean): void {
    this.#keys.set(key, { key, isCreated, groups: [] })
  }

  delete(key: string): void {
    for (const group of this.#keys.get(key)?.groups ?? []) this.#groups.delete(group)
    this.#keys.delete(key)
  }

  /** A plan of `group` waits for the commit that is writing `key`: the rest of the group waits too, without being planned. */
  letGroupWait(group: string, key: string): void {
    const writing = this.#keys.get(key)
    if (writing === undefined || this.#groups.has(group)) return
    writing.groups.push(group)
    this.#groups.set(group, writing)
  }

  /** The key that `group` waits for, if it waits. */
  awaitedBy(group: string): string | undefined {
    return this.#groups.get(group)?.key
  }

  /** Notes that another server wrote the key before a commit of this one could. */
  noteLoss(key: string): void {
    const atMs = this.#now()
    const before = this.#losses.get(key)
    const isContention = before !== undefined && atMs - before.atMs < contentionMs
    if (isContention) this.#backOffUntilMs = atMs + backOffMs
    if (this.#losses.size >= lossesMax) this.#forget(atMs)
    const contestedUntilMs = isContention ? atMs + contentionMs : (before?.contestedUntilMs ?? 0)
    this.#losses.set(key, { atMs, contestedUntilMs })
  }

  /**
   * Notes that a commit of this server wrote the key. The race that was lost before was over when this server tried again: if callers
   * use servers in turn, each server plans once with what the others wrote before, which the watch has yet to bring.
   */
  noteWin(key: string): void {
    if (!this.isContested(key)) this.#losses.delete(key)
  }

  /** True while another server keeps writing the key. */
  isContested(key: string): boolean {
    const loss = this.#losses.get(key)
    return loss !== undefined && this.#now() < loss.contestedUntilMs
  }

  /** True for a short time after contention for any key: other servers work on the same things. */
  get isBackingOff(): boolean {
    return this.#now() < this.#backOffUntilMs
  }

  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#losses) if (nowMs - atMs >= contentionMs) this.#losses.delete(key)
  }
}
