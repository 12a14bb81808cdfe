/** A store in memory that has no transactions, to show that plans do not need any. */
export { MemoryStore } from './memory-store.ts'
export { ObjectServer } from './object-server.ts'
