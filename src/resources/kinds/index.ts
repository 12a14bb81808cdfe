/** The kinds of resources: for each its schemas, defaults and rules, its storage, and how an object is deleted. */
export { partsMax, planSplit } from './ippool-split.ts'
export { lacksAllocatable } from './ippool-conditions.ts'
export { planKeepConditions, planTellTerminating, planTermination, type Termination } from './ippool-termination.ts'
export { ippoolKind } from './ippool.ts'
export { resourceKinds } from './kinds.ts'
