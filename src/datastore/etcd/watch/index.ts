/** Watches on etcd: one that keeps the image up to date, and journals for clients that follow changes. */
export { type Change, Follower } from './follower.ts'
export { Journal } from './journal.ts'
export { Watch, type WatchLogger } from './watch.ts'
