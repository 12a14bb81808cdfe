import type { Test } from 'tap'

/** What set-up ends with: a test, or a program's {@link OwnScope}. */
export type Scope = Pick<Test, 'teardown'>

/** A scope of a program that is no test. */
export class OwnScope implements Scope {
  readonly #teardowns: (() => unknown)[] = []

  teardown(end: () => unknown): void {
    this.#teardowns.push(end)
  }

  /** Ends what was set up, the last first. */
  async end(): Promise<void> {
    for (const end of this.#teardowns.splice(0).toReversed()) await end()
  }
}
