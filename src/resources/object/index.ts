/** What all kinds of objects have in common. */

// Reading and comparing JSON.
export { objectIn, sameJson, textIn } from './json.ts'
// Objects and their schemas.
export { checkFields, fieldPath, goForm, schemaOf } from './fields.ts'
export { isAtomicObject, listTypeOf, mapByKeys, setOfItems } from './list-type.ts'
export { Condition } from './conditions.ts'
export { ObjectMeta } from './schemas.ts'
// Names and metadata.
export { finalizersOf, isBeingDeleted } from './metadata.ts'
export { isLabelKey, isLabelValue, isObjectName, nameLengthMax } from './names.ts'
// What a client sends becomes an object, or causes why it cannot.
export { draftObject, draftStatus, jsonOf, readObject, refuseCauses } from './draft.ts'
export { duplicate, forbidden, invalid, notSupported, quote, required, wrongType } from './causes.ts'
// The two forms of an object: as it is stored, and as clients see it.
export { parseObject, present, withEmptyFields } from './forms.ts'
