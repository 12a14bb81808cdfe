/** How answers are printed: pure functions from values to texts. */
export { printAge, printBar, printCount, printPercent, readDuration, toneOfUse } from './figures.ts'
export { type Format, formats, joinPages, ListPrinter, type RowFormat } from './lists.ts'
export { type Column, paint, printDetails, printTable, type Style, type Layout, visible } from './table.ts'
