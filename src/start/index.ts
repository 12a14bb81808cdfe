/** Parts of the process around its wiring: the log, the credentials for etcd, failures of the start, and the stop on a signal. */
export { endsOf, readCredentials } from './credentials.ts'
export { badSettings, exitCodes, messageOf, StartFailure } from './failure.ts'
export { type Log, openLog } from './log.ts'
export { TlsFiles } from './tls-files.ts'
export { RunningParts, stopOnSignal } from './stop.ts'
