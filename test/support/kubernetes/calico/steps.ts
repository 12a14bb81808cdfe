/** A write that a client of Calico has just done. */
export type Step =
  | 'affinity pending'
  | 'affinity confirmed'
  | 'affinity pendingDeletion'
  | 'affinity soft-deleted'
  | 'affinity deleted'
  | 'block created'
  | 'block written'
  | 'block stripped'
  | 'block soft-deleted'
  | 'block deleted'
  | 'handle written'
  | 'handle soft-deleted'
  | 'handle deleted'

/** An operation of Calico, which pauses after each of its writes. */
export type Steps<Outcome> = AsyncGenerator<Step, Outcome, undefined>

/** Carries out all steps. Returns the outcome. */
export async function toEnd<Outcome>(steps: Steps<Outcome>): Promise<Outcome> {
  for (;;) {
    const next = await steps.next()
    if (next.done) return next.value
  }
}

/** Carries out the steps up to `last`, as a client that ends after it: nothing is undone. Throws if there is no such step. */
export async function stopAfter(steps: Steps<unknown>, last: Step): Promise<void> {
  const done: Step[] = []
  for (;;) {
    const next = await steps.next()
    if (next.done) throw new Error(`there is no step "${last}" among: ${done.join(', ')}`)
    done.push(next.value)
    if (next.value === last) return
  }
}

/** The names of all steps that it takes to the end. */
export async function listSteps(steps: Steps<unknown>): Promise<readonly Step[]> {
  const done: Step[] = []
  for (;;) {
    const next = await steps.next()
    if (next.done) return done
    done.push(next.value)
  }
}
