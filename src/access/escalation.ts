import type { AccessRule } from '../model/index.ts'
import type { Selector } from '../selector/index.ts'
import type { Rights } from './rights.ts'

/** Something that a rule would allow: a verb and a resource, each possibly `*`. */
export interface Excess {
  /** The position of the rule. */
  readonly position: number
  readonly verb: string
  readonly resource: string
}

/**
 * Returns the first verb and resource that one of the rules allows and the caller lacks, so may not give; undefined if there is none.
 * Each rule of the caller counts by itself: it must be for that verb and resource, and its conditions must be the same or none.
 */
export function excessOf({ isUnlimited, grants }: Rights, rules: readonly AccessRule[]): Excess | undefined {
  if (isUnlimited) return undefined
  for (const [position, rule] of rules.entries()) {
    for (const verb of rule.verbs) {
      for (const resource of rule.resources) {
        const isHeld = grants.some(({ rule: held }) => isWithin(held, rule, verb, resource))
        if (!isHeld) return { position, verb, resource }
      }
    }
  }
  return undefined
}

/** True if `held` allows all that `rule` allows with this verb and resource. */
function isWithin(held: AccessRule, rule: AccessRule, verb: string, resource: string): boolean {
  if (!has(held.verbs, verb) || !has(held.resources, resource)) return false
  // Each subject has a count of its own: given to others, the limit would not limit their total.
  const isCounted = held.maxAddresses !== undefined && (verb === 'assign' || verb === '*')
  return !isCounted && isSelectorWithin(held.poolSelector, rule.poolSelector) && areHandlesWithin(held, rule)
}

/** `*` stands for what may come in later versions, too: only `*` has it. */
function has(words: readonly string[], word: string): boolean {
  return words.includes(word) || words.includes('*')
}

function isSelectorWithin(held: Selector | undefined, selector: Selector | undefined): boolean {
  if (held === undefined) return true
  return selector !== undefined && (held.kind === 'all' || printSelector(held) === printSelector(selector))
}

/** The same text for selectors that are written alike. */
function printSelector(selector: Selector): string {
  return JSON.stringify(selector, (_, value: unknown) => (value instanceof Set ? [...value].sort() : value))
}

function areHandlesWithin({ handles: held }: AccessRule, { handles }: AccessRule): boolean {
  if (held === undefined) return true
  return handles !== undefined && handles.every((pattern) => held.some((outer) => isPatternWithin(outer, pattern)))
}

function isPatternWithin(outer: string, pattern: string): boolean {
  return outer === pattern || (outer.endsWith('*') && pattern.startsWith(outer.slice(0, -1)))
}
