import { matches, parseSelector } from '../../../src/selector/index.ts'

/** What a selector says of an object with these labels: whether it selects it, or that it is no selector. */
export function selects(selector: string | undefined, labels: Readonly<Record<string, string>>): boolean | 'invalid' {
  const parsed = parseSelector(selector ?? '')
  return parsed.ok ? matches(parsed.selector, labels) : 'invalid'
}
