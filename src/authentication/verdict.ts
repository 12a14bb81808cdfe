import type { Caller, OnEnd } from '../access/index.ts'

/** What is found out about a credential: whose it is, that it is wrong, or that nobody can tell at the moment. */
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
