/** Editing of objects: as YAML, and with others who edit at the same time. Loaded when something is edited. */
export { Conflict } from './conflict.tsx'
export { Difference } from './difference.tsx'
export { isSame, mergeThreeWay } from './merge.ts'
export { ownPart, versionOf, withVersion } from './object.ts'
export { printYaml, readYaml } from './yaml.ts'
export { EditPoolView, NewPoolView } from './pool-editor.tsx'
