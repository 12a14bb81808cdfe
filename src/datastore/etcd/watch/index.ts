/** Watches on etcd: one keeps memory up to date, journals serve clients that follow changes. */
export { Journal } from './journal.ts'
export { ImageWatch } from './watch.ts'
