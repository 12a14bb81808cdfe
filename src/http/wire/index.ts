/** What passes over the wire: content types, bodies, errors, streams. */
export { acceptedTypes, covers, type MediaRange } from './accept.ts'
export { answerJson, mediaTypeOf, objectTypes, patchTypes, readBodies } from './content.ts'
export { granted, reasons, refusal, RefusalError, refuseFields, refuseForNow } from './errors.ts'
export { limits } from './limits.ts'
export { changedNothing, naming, refuseToGuess } from './outcome-unknown.ts'
export { quotePath, quoteUrl, quoteValue, shorten } from './quoting.ts'
export { linesType, sendReport } from './streamed.ts'
