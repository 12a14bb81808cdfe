/** Editing of pools: by a form and as YAML. Loaded when something is edited. */
export { EditPoolView, NewPoolView } from './pool-editor.tsx'
