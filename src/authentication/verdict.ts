import type { Caller, OnEnd } from '../access/index.ts'

/** The outcome of verifying a credential: its user, that it is wrong, or that it cannot be verified at the moment. */
export type Verdict =
  | { readonly kind: 'known'; readonly caller: Caller; readonly onEnd?: OnEnd | undefined }
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'unavailable'; readonly problem: string }

export function known(caller: Caller, onEnd?: OnEnd): Verdict {
  return { kind: 'known', caller, onEnd }
}

export function refused(problem: string): Verdict {
  return { kind: 'refused', problem }
}

export function unavailable(problem: string): Verdict {
  return { kind: 'unavailable', problem }
}
