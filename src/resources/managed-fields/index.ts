/** Which manager owns which field of an object. */
export { applyConfiguration } from './apply.ts'
export { managerProblem } from './entry.ts'
export { withUpdate } from './update.ts'
