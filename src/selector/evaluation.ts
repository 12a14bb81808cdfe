import type { ComparisonOperator, Selector } from './selector.ts'

/** The labels of an object, from name to value. Only own properties are labels, none is inherited. */
export type Labels = Readonly<Record<string, string>>

/**
 * True if the selector selects an object with these labels. If a label is missing, `!=` and `not in` are true and every other condition is
 * false. Values are compared exactly.
 * @see docs/calico/formats.md section 6.3
 */
export function matches(selector: Selector, labels: Labels): boolean {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return true
    case 'has':
      return Object.hasOwn(labels, selector.label)
    case 'comparison':
      return compareValue(findLabel(labels, selector.label), selector.operator, selector.value)
    case 'membership': {
      const value = findLabel(labels, selector.label)
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

function compareValue(value: string | undefined, operator: ComparisonOperator, wanted: string): boolean {
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

function findLabel(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined
}
