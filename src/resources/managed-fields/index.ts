/** Which manager manages which fields of an object, and server-side apply. */
export { applyConfiguration } from './apply.ts'
export { managerProblem } from './entry.ts'
export { type Update, withUpdate } from './update.ts'
