/** What the server holds in memory of etcd. */
export { HeldFamily } from './held-family.ts'
export { Image } from './image.ts'
export { withEntry } from './listing.ts'
export { loadFamily, refreshFamily, storedValue } from './snapshot.ts'
