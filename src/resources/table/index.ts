/** Tables, as kubectl prints them. */
export { metadataOnly, type MetaVersion, metaVersions, type RowObject, rowObjects, tableOf } from './table.ts'
