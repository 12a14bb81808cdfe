/** The kinds of resources: the spec, defaults and validation of each, and what deleting one takes. */
export { partsMax, planSplit } from './ippool-split.ts'
export { planTermination, type Termination } from './ippool-termination.ts'
export { ippoolKind } from './ippool.ts'
export { resourceKinds } from './kinds.ts'
