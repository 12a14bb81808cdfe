/** The Kubernetes-style resources: what each kind is, which objects are valid, and what every change of them writes. Pure. */
export {
  type ApplyOptions,
  type Changed,
  type Deleted,
  planApply,
  planCreate,
  planDelete,
  planJsonPatch,
  planMergePatch,
  planReplace,
  readDeleteOptions,
} from './changes/index.ts'
export {
  apiVersion,
  categories,
  type Context,
  group,
  type ResourceKind,
  type ServedKind,
  type StoredObject,
  version,
} from './kind.ts'
export {
  ippoolKind,
  partsMax,
  planSplit,
  planTermination,
  resourceKinds,
  type Termination,
} from './kinds/index.ts'
export { type LabelSelector, matchesLabels, parseLabelSelector } from './label-selector.ts'
export { finalizersOf, isBeingDeleted, objectIn, ObjectMeta, present } from './object/index.ts'
export { planRemoveOrphans } from './orphaned-annexes.ts'
export { planRead, type Preconditions, quoteObject, readMatching } from './reading.ts'
export { metadataOnly, type MetaVersion, metaVersions, type RowObject, rowObjects, tableOf } from './table/index.ts'
