/** What changes while one looks: readings that renew themselves, the connection, the time. */
export { connection, type FailedCheck, followHealth } from './connection.ts'
export { followClock, now } from './now.ts'
export { keepOrder } from './order.ts'
export { type Reading, useOutcome, useReading } from './reading.ts'
export { followVisibility, type WatchedKind } from './watches.ts'
export { type Page, type PagedReading, usePages } from './pages.ts'
export { readAll, type WholeList } from './all-pages.ts'
export { linesOf } from './lines.ts'
