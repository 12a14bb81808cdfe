import type { Decodable, Family, Key, Listed, Lookup, Revision } from '../../plan/index.ts'
import type { Declaration } from '../declaration.ts'
import { HeldFamily, type ProblemReport } from './held-family.ts'

/** The families in memory, kept up to date by the watch, by this server's commits, and by the values that come with failed compares. */
export class Image {
  readonly #held = new Map<Family<unknown>, HeldFamily>()

  constructor(declarations: readonly Declaration[], report: ProblemReport) {
    for (const { family, observer } of declarations) {
      this.#held.set(family, new HeldFamily(family, observer, report))
    }
  }

  /** Every family, in the order of declaration. */
  families(): Iterable<HeldFamily> {
    return this.#held.values()
  }

  /** The keys of `family` in memory. Throws when the family was not declared. */
  of(family: Family<unknown>): HeldFamily {
    const held = this.#held.get(family)
    if (held === undefined) throw new Error(`The family ${family.name} was not declared.`)
    return held
  }

  /** The stored value of `key`; undefined when it is not in memory. */
  lookup<Value>(key: Key<Value>): Lookup<Value> | undefined {
    // A value was decoded by, or encoded for, the very family object that the key names, so it has that family's type.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
    return this.of(key.family).lookup(key.text) as Lookup<Value> | undefined
  }

  /** The value that `key` got at `revision`, if it is in memory. Undefined for a family that was not declared. */
  valueAt<Value>(family: Decodable<Value>, key: string, revision: Revision): Value | undefined {
    // As in `lookup`.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
    return this.#held.get(family as Family<unknown>)?.valueAt(key, revision) as Value | undefined
  }

  /** See {@link HeldFamily.listing}. */
  list<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    // As in `lookup`.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion
    return this.of(family).listing(prefix) as readonly Listed<Value>[]
  }
}
