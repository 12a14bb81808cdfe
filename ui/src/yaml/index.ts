/** Objects as YAML, and their differences. The library is big: load this folder when it is needed. */
export { Difference } from './difference.tsx'
export { printYaml, readYaml } from './yaml.ts'
