/** Calico's selector language: what it says about labels, its canonical form, and whether given labels are selected. */
export { canonicalSelector, formatSelector } from './canonical-form.ts'
export { matches } from './evaluation.ts'
export { parseSelector } from './parser.ts'
export type { Selector } from './selector.ts'
