/** How families are stored as objects of an API server: names, labels, metadata and specs, to Calico's texts and back. Pure. */
export type { CalicoGroup, ObjectForm, ObjectKind, StoredEntry } from './form.ts'
export { nameIn, objectAt, parsedObject, textAt } from './form.ts'
export { type FormOf, formsIn } from './forms.ts'
export { leadersPrefix } from './lease.ts'
export { stampAnnotation } from './metadata.ts'
export type { ObjectName } from './names.ts'
