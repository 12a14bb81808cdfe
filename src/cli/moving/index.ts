/** Moving data: everything of a server to a file, and from files of ippoold and other systems to a server. */
export { exportAll } from './export.ts'
export { importAll } from './import.ts'
export { conflictPolicies, type Tally, type Subject } from './outcome.ts'
export { sourceNames } from './sources.ts'
