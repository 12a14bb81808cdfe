/** The Kubernetes-style resources: what each kind is, which objects are valid, and what every change of them writes. Pure. */
export { type DeleteRequest, readDeleteOptions } from './delete-options.ts'
export { type Deleted, planDelete } from './deletion.ts'
export {
  type BlockInRange,
  planTermination,
  type PoolDependencies,
  type TerminationStep,
} from './ippool-termination.ts'
export {
  apiVersion,
  type Context,
  group,
  type ResourceKind,
  type ServedKind,
  type Stored,
  type StoredObject,
} from './kind.ts'
export { ippoolKind } from './ippool.ts'
export { partsMax, planSplit } from './ippool-split.ts'
export { poolDependencies, resourceKinds } from './kinds.ts'
export { type LabelSelector, matchesLabels, parseLabelSelector } from './label-selector.ts'
export { objectIn, present } from './presentation.ts'
export { planRead, type Preconditions, quoteObject, readMatching } from './reading.ts'
export { ObjectMeta } from './schemas.ts'
export { type Changed, planCreate, planJsonPatch, planMergePatch, planReplace } from './writes.ts'
