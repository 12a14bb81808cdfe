/** How families are stored as objects of an API server: names, labels, metadata and specs, to Calico's texts and back. Pure. */
export type { CalicoGroup, ObjectForm, ObjectKind, StoredEntry } from './form.ts'
export { nameIn, objectAt, textAt } from './form.ts'
export { type FormOf, formsIn } from './forms.ts'
export type { ObjectName } from './names.ts'
