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
  categories,
  type Context,
  group,
  type ResourceKind,
  type ServedKind,
  type Stored,
  type StoredObject,
  version,
} from './kind.ts'
export { ippoolKind } from './ippool.ts'
export { partsMax, planSplit } from './ippool-split.ts'
export { poolDependencies, resourceKinds } from './kinds.ts'
export { type LabelSelector, matchesLabels, parseLabelSelector } from './label-selector.ts'
export { finalizersOf, isBeingDeleted } from './metadata.ts'
export { orphansAtOnceMax, planRemoveOrphans } from './orphaned-annexes.ts'
export { objectIn, present } from './presentation.ts'
export { planRead, type Preconditions, quoteObject, readMatching } from './reading.ts'
export { ObjectMeta } from './schemas.ts'
export {
  metadataOnly,
  type MetaVersion,
  metaVersions,
  type RowObject,
  rowObjects,
  tableOf,
} from './table.ts'
export { type ApplyOptions, planApply } from './server-side-apply.ts'
export { type Changed, planCreate, planJsonPatch, planMergePatch, planReplace } from './writes.ts'
