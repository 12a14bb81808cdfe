/** Calico's selector language: parses a selector's text and tells whether it selects an object with given labels. */
export { matches } from './evaluation.ts'
export { parseSelector } from './parser.ts'
export type { Selector } from './selector.ts'
