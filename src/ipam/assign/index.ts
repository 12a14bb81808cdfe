/** Assigns addresses: chooses pools, blocks and ordinals. */
export { planAssign } from './assign.ts'
export { planEnsure } from './ensure.ts'
