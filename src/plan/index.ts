/** The contract between plans and stores: what a plan reads, decides and writes. Imports nothing. */
export { type Cause, type CauseReason, type Reason, type Refusal, refuse, type Result, success } from './result.ts'
export { inOrder, inStages, type Stages } from './order.ts'
export { listSome, shorten } from './shorten.ts'
export { firstAtOrAfter } from './sorted.ts'
export type { Decodable, Decoded, Family, Key, Listed, Lookup, Observer, Part, Revision } from './stored.ts'
export {
  Budget,
  carryOutSteps,
  inTurn,
  mapStep,
  type Progress,
  type Step,
  stepLimits,
  type TakeStep,
} from './steps.ts'
export { answerOnly, type GetOptions, type Guard, type Plan, put, remove, type View, type Write } from './view.ts'
