import type { Decodable, Family, Guard, Key, Listed, Lookup, Revision, View } from '../../../src/plan/index.ts'
import type { ObjectServer } from './object-server.ts'

/** The stored value of a key. */
export function lookUp<Value>(
  server: ObjectServer,
  family: Decodable<Value>,
  key: string,
  at?: Revision,
): Lookup<Value> {
  const { text, revision } = server.read(key, at)
  if (text === undefined) return { kind: 'absent' }
  const decoded = family.decode(key, text)
  return decoded.ok
    ? { kind: 'value', value: decoded.value, revision }
    : { kind: 'unreadable', problem: decoded.problem, revision }
}

/** The entries of a list of keys. */
export function entriesOf<Value>(
  server: ObjectServer,
  family: Decodable<Value>,
  keys: readonly string[],
  at?: Revision,
): readonly Listed<Value>[] {
  return keys.flatMap((key) => {
    const lookup = lookUp(server, family, key, at)
    return lookup.kind === 'absent' ? [] : [{ key, ...lookup }]
  })
}

/** A view of the server as it is now, which records what a plan reads. Plans run between two changes, so all of it is of one revision. */
export class ServerView implements View {
  /** The keys read, and their revisions; 0 for one that was absent. */
  readonly reads = new Map<string, Revision>()
  readonly revision: Revision
  readonly #guards = new Map<string, Exclude<Guard, 'hint'>>()
  readonly #server: ObjectServer

  constructor(server: ObjectServer) {
    this.#server = server
    this.revision = server.revision
  }

  get<Value>(key: Key<Value>): Lookup<Value> {
    const lookup = lookUp(this.#server, key.family, key.text)
    this.reads.set(key.text, lookup.kind === 'absent' ? 0n : lookup.revision)
    return lookup
  }

  list<Value>(family: Family<Value>, guard: Guard, prefix = family.prefix): readonly Listed<Value>[] {
    if (guard !== 'hint') this.#guards.set(prefix, guard)
    return entriesOf(this.#server, family, this.#server.keys(prefix))
  }

  consult(family: Family<unknown>, guard: 'created' | 'hint' = 'hint'): void {
    if (guard === 'created') this.#guards.set(family.prefix, guard)
  }

  prefetch(): void {
    // Everything is in memory.
  }

  waitWith(): void {
    // Callers do not wait for each other: they lose the race, and try again.
  }

  isBusy(): boolean {
    return false
  }

  isContested(): boolean {
    return false
  }

  /** Whether what was read is as it was, but for the keys of `written`: then the plan stood on current data all the time. */
  isStillTrue(written: ReadonlySet<string>): boolean {
    const isUnchanged = [...this.reads].every(([key, revision]) => {
      const now = this.#server.read(key)
      return written.has(key) || (now.text === undefined ? 0n : now.revision) === revision
    })
    return isUnchanged && [...this.#guards].every(([prefix, guard]) => this.#isGuardKept(prefix, guard, written))
  }

  #isGuardKept(prefix: string, guard: Exclude<Guard, 'hint'>, written: ReadonlySet<string>): boolean {
    return this.#server.keys(prefix).every((key) => {
      const { revision, createRevision } = this.#server.read(key)
      return written.has(key) || (guard === 'created' ? createRevision : revision) <= this.revision
    })
  }
}
