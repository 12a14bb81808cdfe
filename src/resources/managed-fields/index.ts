/** Which manager owns which field of an object. */
export { applyConfiguration } from './apply.ts'
export { managerProblem } from './entry.ts'
export { type Update, withUpdate } from './update.ts'
