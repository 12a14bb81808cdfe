import type { Decodable, Family, Guard, Key, Listed, Lookup, Plan, Revision, View } from '../../src/plan/index.ts'

/**
 * A datastore in a map, for tests of planning functions. It holds texts as etcd does, so that every value goes through its
 * family's `encode` and `decode` on the way in and out, and counts revisions as etcd does.
 */
export class FakeView implements View {
  /** The reads since the last {@link apply}, as a commit would compare them. */
  readonly reads = new Set<string>()
  readonly #stored = new Map<string, { text: string; revision: Revision }>()
  readonly #busy = new Set<string>()
  readonly #contested = new Set<string>()
  /** As in the image, a listing is the same list for as long as nothing in it changes. */
  readonly #listings = new Map<string, readonly Listed<unknown>[]>()
  #revision = 1n

  get revision(): Revision {
    return this.#revision
  }

  get<Value>(key: Key<Value>): Lookup<Value> {
    this.reads.add(key.text)
    return this.#lookup(key.family, key.text)
  }

  list<Value>(family: Decodable<Value>, guard: Guard, prefix: string = family.prefix): readonly Listed<Value>[] {
    this.reads.add(`${guard} ${prefix}`)
    const known = this.#listings.get(prefix)
    // A prefix belongs to one family.

    if (known !== undefined) return known as readonly Listed<Value>[]
    const entries: Listed<Value>[] = []
    for (const key of this.keys(prefix)) {
      const lookup = this.#lookup(family, key)
      if (lookup.kind !== 'absent') entries.push({ key, ...lookup })
    }
    this.#listings.set(prefix, entries)
    return entries
  }

  prefetch(): void {
    // Everything is in memory.
  }

  consult(family: Family<unknown>, guard: 'created' | 'hint' = 'hint'): void {
    this.reads.add(`index of ${family.name}`)
    if (guard === 'created') this.reads.add(`created ${family.prefix}`)
  }

  waitWith(): void {
    // No commit is under way, but for keys that a test says are busy.
  }

  isBusy(key: Key<unknown>): boolean {
    return this.#busy.has(key.text)
  }

  isContested(key: Key<unknown>): boolean {
    return this.#contested.has(key.text)
  }

  /** The keys that start with `prefix`, in order. */
  keys(prefix: string): readonly string[] {
    return [...this.#stored.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  /** The text stored under `key`. */
  text(key: string): string | undefined {
    return this.#stored.get(key)?.text
  }

  /** The revision of `key`; 0 when there is no such key. */
  revisionOf(key: string): Revision {
    return this.#stored.get(key)?.revision ?? 0n
  }

  /** Stores a value, in a revision of its own. */
  put<Value>(key: Key<Value>, value: Value): Revision {
    return this.putText(key.text, key.family.encode(value))
  }

  /** Stores a text as another program may have written it, in a revision of its own. */
  putText(key: string, text: string): Revision {
    this.#revision += 1n
    this.#changed(key)
    this.#stored.set(key, { text, revision: this.#revision })
    return this.#revision
  }

  /** Removes a key behind the back of every plan. */
  remove(key: string): void {
    this.#revision += 1n
    this.#changed(key)
    this.#stored.delete(key)
  }

  /** Makes a key look as if a commit under way were writing it. */
  occupy(key: Key<unknown>): void {
    this.#busy.add(key.text)
  }

  /** Makes a key look as if others kept writing it. */
  contest(key: Key<unknown>): void {
    this.#contested.add(key.text)
  }

  /** Commits a plan, in one revision, and gives its answer. A plan without writes leaves the revision as it is. */
  apply<Answer>(plan: Plan<Answer>): Answer {
    this.reads.clear()
    if (plan.writes.length > 0) this.#revision += 1n
    for (const write of plan.writes) {
      this.#changed(write.key.text)
      if (write.kind === 'delete') this.#stored.delete(write.key.text)
      else this.#stored.set(write.key.text, { text: write.encode(), revision: this.#revision })
    }
    return plan.answer
  }

  #changed(key: string): void {
    for (const prefix of this.#listings.keys()) if (key.startsWith(prefix)) this.#listings.delete(prefix)
  }

  #lookup<Value>(family: Decodable<Value>, key: string): Lookup<Value> {
    const stored = this.#stored.get(key)
    if (stored === undefined) return { kind: 'absent' }
    const decoded = family.decode(key, stored.text)
    return decoded.ok
      ? { kind: 'value', value: decoded.value, revision: stored.revision }
      : { kind: 'unreadable', problem: decoded.problem, revision: stored.revision }
  }
}
