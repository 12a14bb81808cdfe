import { setTimeout as pause } from 'node:timers/promises'
import type { Answer, HttpClient } from './http-client.ts'
import type { Held } from './owners.ts'

/** The outcome of a call. `doubtful`: there was no answer, so it may have been carried out. */
type Outcome = 'done' | 'refused' | 'doubtful'

/**
 * Who holds what by what callers were told, also when some of them were told nothing. Every assignment has a handle of its own, so
 * that each address in etcd can be traced to the call that took it.
 */
export class Account {
  readonly #held = new Map<string, Held>()
  /** Handles of calls without an answer, which may hold something: with the address that was to be given back, if it was a release. */
  readonly #doubtful = new Map<string, string | undefined>()
  /** Answers that were wrong. */
  readonly violations: string[] = []
  readonly outcomes: Record<Outcome, number> = { done: 0, refused: 0, doubtful: 0 }

  /** The addresses that are held for certain. */
  get held(): readonly Held[] {
    return [...this.#held.values()]
  }

  /** Call it when an address was acknowledged: no other handle may hold it. */
  enter(held: Held): void {
    const other = this.#held.get(held.address)
    if (other !== undefined) this.violations.push(`${held.address} is held by ${other.handle} and ${held.handle}`)
    this.#held.set(held.address, held)
  }

  /** Call it before an address is released: from then on another handle may hold it. */
  leave(address: string): void {
    this.#held.delete(address)
  }

  /** Lists what is stored and should not be, and what should be and is not. `holders` leads from an address to the handle that holds it. */
  differences(holders: ReadonlyMap<string, string>): readonly string[] {
    const lost = this.held
      .filter(({ address, handle }) => holders.get(address) !== handle)
      .map(({ address, handle }) => `${address} of ${handle} is lost: it is held by ${String(holders.get(address))}`)
    const unexplained = [...holders]
      .filter(([address, handle]) => this.#held.get(address)?.handle !== handle && !this.#doubtful.has(handle))
      .map(([address, handle]) => `${address} is held by ${handle}, who was not given it, or has given it back`)
    return [...lost, ...unexplained]
  }

  /** The calls that were carried out although their callers got no answer. */
  unanswered(holders: ReadonlyMap<string, string>): readonly string[] {
    const holding = new Set(holders.values())
    return [...this.#doubtful].flatMap(([handle, released]) => {
      if (released === undefined) return holding.has(handle) ? [`an assignment to ${handle}`] : []
      return holders.get(released) === handle ? [] : [`the release of ${released} by ${handle}`]
    })
  }

  /**
   * A caller that takes up to `most` addresses, and gives back the oldest, in turns until `isOver`. Refusals by 409, 503 and 504 are
   * taken to have changed nothing.
   */
  async work(client: HttpClient, name: string, wish: object, most: number, isOver: () => boolean): Promise<void> {
    const own: Held[] = []
    for (let turn = 0; !isOver(); turn++) {
      const oldest = own.length >= most || (turn % 3 === 2 && own.length > 0) ? own.shift() : undefined
      if (oldest !== undefined) await this.#release(client, oldest)
      else own.push(...(await this.#assign(client, { ...wish, handle: `${name}-${String(turn)}` })))
    }
  }

  async #assign(client: HttpClient, wish: { readonly handle: string }): Promise<readonly Held[]> {
    const answer = await this.#call(client, '/ipam/v1/assign', wish, [wish.handle])
    if (answer?.status !== 201) return []
    const { addresses } = answer.body as unknown as { readonly addresses: readonly Held[] }
    for (const held of addresses) {
      if (held.handle !== wish.handle) this.violations.push(`${wish.handle} was given ${JSON.stringify(held)}`)
      this.enter(held)
    }
    return addresses
  }

  async #release(client: HttpClient, { address, handle, sequenceNumber }: Held): Promise<void> {
    this.leave(address)
    const addresses = [{ address, handle, sequenceNumber }]
    const answer = await this.#call(client, '/ipam/v1/release', { addresses }, [handle, address])
    if (answer === undefined) return
    const { released } = answer.body as unknown as { readonly released?: readonly string[] }
    if (answer.status !== 200) this.enter({ address, handle, sequenceNumber })
    else if (released?.[0] !== address) {
      this.violations.push(`the release of ${address} by ${handle} was answered with ${JSON.stringify(answer.body)}`)
    }
  }

  /** The answer, if there is one. A server that is not there refuses as well. */
  async #call(
    client: HttpClient,
    path: string,
    body: object,
    about: readonly [handle: string, released?: string],
  ): Promise<Answer | undefined> {
    let answer: Answer
    try {
      answer = await client.call('POST', path, body)
    } catch (error) {
      if (isUnreachable(error)) {
        this.outcomes.refused++
        await pause(10)
        return { status: 503, body: {}, headers: {} }
      }
      this.#doubt(about)
      return
    }
    if (answer.body['reason'] === 'OutcomeUnknown') {
      this.#doubt(about)
      return
    }
    const isDone = answer.status < 300
    this.outcomes[isDone ? 'done' : 'refused']++
    if (!isDone && ![409, 503, 504].includes(answer.status)) {
      this.violations.push(`${path} was answered with ${String(answer.status)}: ${JSON.stringify(answer.body)}`)
    }
    return answer
  }

  #doubt([handle, released]: readonly [handle: string, released?: string]): void {
    this.outcomes.doubtful++
    this.#doubtful.set(handle, released)
  }
}

/** True if there was no connection to send the call over. */
function isUnreachable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
}
