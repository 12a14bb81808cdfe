import type { Family, Key, Listed } from '../../plan/index.ts'

/** The stored values as they were at one revision. */
export interface CheckSource {
  /** The entries of a family whose keys come after `after` (all, unless given), page by page, in the order of their keys. */
  entries<Value>(family: Family<Value>, after?: string): AsyncIterable<readonly Listed<Value>[]>
  /** What is stored under one key; undefined when there is nothing. */
  entry<Value>(key: Key<Value>): Promise<Listed<Value> | undefined>
}
