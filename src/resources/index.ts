/** The Kubernetes-style resources: their kinds, which objects are valid, and the plans that read and change objects. Pure. */

// The kinds. `resourceKinds` makes all that are served.
export {
  type ApiGroup,
  calicoGroup,
  groupsOf,
  hasStatusSubresource,
  ippooldGroup,
  type LabelsOf,
  pathOf,
  type ResourceKind,
  type ServedKind,
  type StoredObject,
} from './kind.ts'
export { ippoolKind, resourceKinds } from './kinds/index.ts'

// Plans that read and change one object.
export type { WriteContext } from './kind.ts'
export { notFound, planRead, type Preconditions, quoteObject, readMatching } from './reading.ts'
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

// Plans of single kinds, and upkeep.
export {
  lacksAllocatable,
  partsMax,
  planKeepConditions,
  planSplit,
  planTellTerminating,
  planTermination,
  type Termination,
} from './kinds/index.ts'
export { planRemoveOrphans } from './annexes.ts'
export { planBuiltInPolicies } from './built-in-policies.ts'

// Objects as clients see them, and their metadata.
export {
  finalizersOf,
  isBeingDeleted,
  jsonOf,
  objectIn,
  ObjectMeta,
  sameJson,
  showObject,
  textIn,
} from './object/index.ts'

// The two ways to ask for fewer objects, or for less of each.
export { type LabelSelector, matchesLabels, parseLabelSelector } from './label-selector.ts'
export {
  reduceToMetadata,
  type MetaVersion,
  metaVersions,
  type RowObject,
  rowObjects,
  printTable,
} from './table/index.ts'
