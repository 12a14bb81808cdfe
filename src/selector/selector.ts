/** Compares the value of a label with one string. */
export type ComparisonOperator = '==' | '!=' | 'contains' | 'starts with' | 'ends with'

/** Looks up the value of a label in a set of strings. */
export type MembershipOperator = 'in' | 'not in'

/**
 * A parsed selector, immutable. It has no pairs of negations and no groups of a single operand: an `and` or `or` has at least two.
 * @see docs/calico/formats.md section 6.2
 */
export type Selector =
  | { readonly kind: 'all' | 'global' }
  | { readonly kind: 'has'; readonly label: string }
  | {
      readonly kind: 'comparison'
      readonly label: string
      readonly operator: ComparisonOperator
      readonly value: string
    }
  | {
      readonly kind: 'membership'
      readonly label: string
      readonly operator: MembershipOperator
      readonly values: ReadonlySet<string>
    }
  | { readonly kind: 'not'; readonly operand: Selector }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Selector[] }

/** Negates a selector. Two negations cancel out, as in a row of `!` (docs/calico/formats.md section 6.2). */
export function negate(operand: Selector): Selector {
  return operand.kind === 'not' ? operand.operand : { kind: 'not', operand }
}

/** Joins operands by one connective. A single operand stays as it is. */
export function joinOperands(kind: 'and' | 'or', before: readonly Selector[], last: Selector): Selector {
  return before.length === 0 ? last : { kind, operands: [...before, last] }
}
