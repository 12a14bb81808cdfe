/** Assigns addresses: chooses pools, blocks and ordinals. */
export { planAssign } from './assign.ts'
export { type EnsureAnswer, planEnsure } from './ensure.ts'
export { type AssignExplanation, planExplainAssign } from './explain.ts'
export { type EnsureEachAnswer, planEnsureEach, type WantedAddress } from './ensure-each.ts'
