/** The part of the data that the server holds in memory: families of keys, kept up to date by watches, commits and reads. */
export { HeldFamily, type StoredValue } from './held-family.ts'
export { Image } from './image.ts'
export { withEntry } from './listing.ts'
