/** How the value of a label is compared with one string. */
export type Comparison = '==' | '!=' | 'contains' | 'starts with' | 'ends with'

/** How the value of a label is compared with a set of strings. */
export type Membership = 'in' | 'not in'

/**
 * What a selector says, without how it was spelled: immutable, parsed once and evaluated often. Parentheses that change nothing
 * and pairs of negations are gone, the values of a set are in canonical order, and an `and` or `or` has at least two operands.
 * @see docs/calico/formats.md 6.2
 */
export type Selector =
  | { readonly kind: 'all' | 'global' }
  | { readonly kind: 'has'; readonly label: string }
  | { readonly kind: 'comparison'; readonly label: string; readonly operator: Comparison; readonly value: string }
  | {
      readonly kind: 'membership'
      readonly label: string
      readonly operator: Membership
      readonly values: ReadonlySet<string>
    }
  | { readonly kind: 'not'; readonly operand: Selector }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Selector[] }

/** The opposite of a selector. Two negations cancel out, as they do in a row of `!` (docs/calico/formats.md 6.2). */
export function negation(operand: Selector): Selector {
  return operand.kind === 'not' ? operand.operand : { kind: 'not', operand }
}

/** Operands under one connective; a single operand needs none. */
export function group(kind: 'and' | 'or', before: readonly Selector[], last: Selector): Selector {
  return before.length === 0 ? last : { kind, operands: [...before, last] }
}
