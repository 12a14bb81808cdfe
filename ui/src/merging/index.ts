import { lazy } from '../parts/index.ts'

/** Changes of one object by several people at the same time. */
export { isSame } from './merge.ts'

/** Shows what somebody else has changed meanwhile. Loaded when that has happened. */
export const Conflict = lazy(async () => (await import('./conflict.tsx')).Conflict)
