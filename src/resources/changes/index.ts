/** Plans that change objects: create, replace, patch, apply, delete. */
export { readDeleteOptions } from './delete-options.ts'
export { type Deleted, planDelete } from './deletion.ts'
export { type ApplyOptions, planApply } from './server-side-apply.ts'
export { type Changed, planCreate, planJsonPatch, planMergePatch, planReplace } from './writes.ts'
