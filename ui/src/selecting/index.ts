/** Selectors, in the server's own language. */
export { selects } from './selecting.ts'
