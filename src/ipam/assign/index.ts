/** Assigning addresses: which pools, which blocks, which ordinals. */
export { planAssign } from './assign.ts'
export { planEnsure } from './ensure.ts'
