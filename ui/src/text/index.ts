/** Figures, times and lists as texts. Pure. */
export { printCsv } from './csv.ts'
export { type DiffLine, diffLines } from './diff.ts'
export { type Count, counted, printCount, printShare, printShort, shareOf } from './numbers.ts'
export { printAge, printLocal, printUtc } from './times.ts'
