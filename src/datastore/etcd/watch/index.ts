/** Watches on etcd: one that keeps the image up to date, and journals for clients that follow changes. */
export { Journal } from './journal.ts'
export { Watch } from './watch.ts'
