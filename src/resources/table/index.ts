/** The tables that kubectl asks for, and metadata without the objects. */
export { metadataOnly, type MetaVersion, metaVersions, type RowObject, rowObjects, tableOf } from './table.ts'
