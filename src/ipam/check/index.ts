/** Checks that everything stored is consistent, and repairs what is safe to repair. */
export { ordinalsOfNode } from './block-findings.ts'
export { check } from './check.ts'
export { type CheckCode, checkCodes, type Finding } from './finding.ts'
export type { RepairAnswer } from './repair-answers.ts'
export { planRepair } from './repair.ts'
export { readTerms } from './terms.ts'
