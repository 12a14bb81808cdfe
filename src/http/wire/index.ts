/** Reads requests and writes responses: media types, bodies, errors, reports, continue tokens, notes for the log. */
export { refuseAccess, type RouteAccess } from './access.ts'
export {
  acceptedTypes,
  answerJson,
  covers,
  mediaTypeOf,
  type MediaRange,
  objectTypes,
  patchTypes,
  preferredType,
  readBodies,
} from './content.ts'
export { isDryRun, noteChange } from './change-note.ts'
export { onceClosed } from './closed.ts'
export { printContinueToken, readContinueToken, refuseContinueToken } from './continue-token.ts'
export {
  changedNothing,
  requireGranted,
  rethrowWithHandle,
  reasons,
  refusal,
  RefusalError,
  refuseFields,
  refuseForNow,
  refuseUnknownOutcome,
} from './errors.ts'
export { limits } from './limits.ts'
export { quotePath, quoteUrl, quoteValue } from './quoting.ts'
export { linesType, sendReport } from './report.ts'
