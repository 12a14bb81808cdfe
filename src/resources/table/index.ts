/** The tables that kubectl asks for, and metadata without the objects. */
export { reduceToMetadata, type MetaVersion, metaVersions, type RowObject, rowObjects, printTable } from './table.ts'
