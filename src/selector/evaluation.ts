import type { Comparison, Selector } from './selector.ts'

/** The labels of an object: name to value. Only own properties count, so that no label exists by inheritance. */
export type Labels = Readonly<Record<string, string>>

/**
 * Whether the selector selects an object with these labels. A label that is missing makes `!=` and `not in` true and every other
 * condition false; values are compared exactly.
 * @see docs/calico/formats.md 6.3
 */
export function matches(selector: Selector, labels: Labels): boolean {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return true
    case 'has':
      return Object.hasOwn(labels, selector.label)
    case 'comparison':
      return compares(valueOf(labels, selector.label), selector.operator, selector.value)
    case 'membership': {
      const value = valueOf(labels, selector.label)
      const isMember = value !== undefined && selector.values.has(value)
      return isMember === (selector.operator === 'in')
    }
    case 'not':
      return !matches(selector.operand, labels)
    case 'and':
      for (const operand of selector.operands) if (!matches(operand, labels)) return false
      return true
    case 'or':
      for (const operand of selector.operands) if (matches(operand, labels)) return true
      return false
  }
}

function compares(value: string | undefined, operator: Comparison, wanted: string): boolean {
  switch (operator) {
    case '==':
      return value === wanted
    case '!=':
      return value !== wanted
    case 'contains':
      return value !== undefined && value.includes(wanted)
    case 'starts with':
      return value !== undefined && value.startsWith(wanted)
    case 'ends with':
      return value !== undefined && value.endsWith(wanted)
  }
}

function valueOf(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined
}
