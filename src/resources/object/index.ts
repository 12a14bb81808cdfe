/** The parts that all kinds of objects share. */

// Reading and comparing JSON.
export { objectIn, sameJson, textIn } from './json.ts'
// Objects and their schemas.
export { checkFields, fieldPath, goForm, schemaOf } from './fields.ts'
export { isAtomicObject, listTypeOf, mapByKeys, setOfItems } from './list-type.ts'
export { Condition } from './conditions.ts'
export { ObjectMeta } from './schemas.ts'
// Names and metadata.
export { crowdedCauses, finalizersOf, isBeingDeleted } from './metadata.ts'
export { isLabelKey, isLabelValue, isNameOf, nameLengthMax } from './names.ts'
// From what a client sends to an object, or to the causes that refuse it.
export { draftObject, draftStatus, jsonOf, readObject, refuseCauses } from './draft.ts'
export { duplicate, forbidden, invalid, notKnown, notSupported, quote, required, wrongType } from './causes.ts'
// The two forms of an object: as it is stored, and as clients see it.
export { parseObject, showObject, withEmptyFields } from './forms.ts'
