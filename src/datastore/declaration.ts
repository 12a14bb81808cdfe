import type { Family, Observer } from '../plan/index.ts'

/** A family that a store serves, and the index to keep beside it. */
export interface Declaration {
  readonly family: Family<unknown>
  readonly observer?: Observer<unknown>
}

/** Declares a family, with an observer of its values. */
export function declare<Value>(family: Family<Value>, observer?: Observer<Value>): Declaration {
  return observer === undefined ? { family } : { family, observer }
}
