/** The files that data is moved in: pure readers and printers. Each reader throws a {@link FormatProblem} for what it cannot read. */
export { canonicalAddress, contains, printRange, type Range, rangeOf, readRange } from './addresses.ts'
export { entriesOfBlock, parseBlocks } from './blocks.ts'
export { readCalicoctl } from './calicoctl.ts'
export {
  type AddressEntry,
  type AffinityEntry,
  type Entry,
  type Holder,
  type Located,
  type ObjectEntry,
  type ObjectKind,
  objectKinds,
  type PrefixEntry,
  type Texts,
} from './entries.ts'
export { type Counts, type ExportEntry, ExportPrinter, isObjectEntry, readExport } from './export-file.ts'
export { readGoIpam } from './go-ipam.ts'
export { readInfoblox } from './infoblox.ts'
export { readNetbox } from './netbox.ts'
export { readPhpipam } from './phpipam.ts'
export { FormatProblem } from './problem.ts'
