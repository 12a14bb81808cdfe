import { parseSelector } from './parser.ts'
import type { Selector } from './selector.ts'

/**
 * The one spelling of what a selector says: single blanks around operators, double quotes unless the string holds one, parentheses
 * around every group and nowhere else. Parsing it gives the same selector again.
 * @see docs/calico/formats.md 6.5
 */
export function formatSelector(selector: Selector): string {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return `${selector.kind}()`
    case 'has':
      return `has(${selector.label})`
    case 'comparison':
      return `${selector.label} ${selector.operator} ${quoted(selector.value)}`
    case 'membership':
      return `${selector.label} ${selector.operator} {${[...selector.values].map(quoted).join(', ')}}`
    case 'not':
      return `!${formatSelector(selector.operand)}`
    case 'and':
      return `(${selector.operands.map(formatSelector).join(' && ')})`
    case 'or':
      return `(${selector.operands.map(formatSelector).join(' || ')})`
  }
}

/** The canonical form of a selector's text, to compare and to show; text that is no selector is given back trimmed. */
export function canonicalSelector(text: string): string {
  const parsed = parseSelector(text)
  return parsed.ok ? formatSelector(parsed.selector) : text.trim()
}

/** No string holds both kinds of quotes: it could not have been written. */
function quoted(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`
}
