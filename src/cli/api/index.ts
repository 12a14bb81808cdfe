/** Calls of the HTTP API: which server, as whom, and again if need be. */
export { type Answer, answerTo, type Api, apiOver, given, type Schemas } from './client.ts'
export { type ConnectionOptions, connectionOf } from './connection.ts'
export { isFields } from '../../kubeconfig/index.ts'
export { linesOf } from './lines.ts'
export { Transport } from './transport.ts'
