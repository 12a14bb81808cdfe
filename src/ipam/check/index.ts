/** Checks that everything stored is consistent, and repairs what is safe to repair. */
export { check } from './check.ts'
export { type CheckCode, checkCodes, type Finding } from './finding.ts'
export { leakOf } from './leaks.ts'
export type { RepairAnswer } from './repair-answers.ts'
export { planRepair } from './repair.ts'
export { readCheckTerms } from './terms.ts'
export { findingFilter } from './visible-findings.ts'
