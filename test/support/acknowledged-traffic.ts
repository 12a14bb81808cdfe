import { setTimeout as pause } from 'node:timers/promises'
import { addressesIn } from './ippoold.ts'
import type { Answer } from './http-client.ts'

/** One handle of the traffic: what it got, and when which call was sent and answered, in milliseconds of `performance`. */
interface Holding {
  readonly handle: string
  readonly addresses: readonly string[]
  readonly assignedAt: number
  releaseSentAt?: number
  releasedAt?: number
}

/** What must be so after everything between two moments is uncertain. */
export interface Certain {
  /** The holder of each address. */
  readonly held: Readonly<Record<string, string>>
  /** Handles that hold nothing. */
  readonly released: readonly string[]
}

/** Sends a call until it is answered. */
export type Send = (method: 'POST' | 'DELETE', path: string, body?: object) => Promise<Answer>

const workers = 8

/** Callers who assign and release all the time, and remember what was acknowledged when. */
export class AcknowledgedTraffic {
  readonly #send: Send
  readonly #holdings: Holding[] = []
  readonly #running: Promise<void>[]
  #isStopped = false
  /** Answers that are neither success nor what the traffic expects. */
  readonly failures: Answer[] = []

  /** `name` begins each handle. */
  constructor(send: Send, name: string) {
    this.#send = send
    this.#running = Array.from({ length: workers }, (_, worker) => this.#work(`${name}-${worker}`))
  }

  /** Calls that were acknowledged. */
  get acknowledged(): number {
    return this.#holdings.reduce((sum, { releasedAt }) => sum + (releasedAt === undefined ? 1 : 2), 0)
  }

  /** Resolves when every call has been answered. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#running)
  }

  /** What was acknowledged before `from`, and not touched until `to`; of now and for ever, unless given. */
  certain(from = Number.POSITIVE_INFINITY, to = Number.POSITIVE_INFINITY): Certain {
    const assigned = this.#holdings.filter(({ assignedAt }) => assignedAt < from)
    const kept = assigned.filter(({ releaseSentAt = Number.POSITIVE_INFINITY }) => releaseSentAt >= to)
    const ended = assigned.filter(({ releasedAt = Number.POSITIVE_INFINITY }) => releasedAt < from)
    return {
      held: Object.fromEntries(kept.flatMap(({ handle, addresses }) => addresses.map((address) => [address, handle]))),
      released: ended.map(({ handle }) => handle),
    }
  }

  async #work(name: string): Promise<void> {
    const mine: Holding[] = []
    for (let number = 0; !this.#isStopped; number++) {
      const handle = `${name}-${number}`
      const answer = await this.#send('POST', '/ipam/v1/assign', { handle, node: name, ipv4: 1 + (number % 3) })
      if (answer.status === 201) {
        const holding = { handle, addresses: addressesIn(answer), assignedAt: performance.now() }
        mine.push(holding)
        this.#holdings.push(holding)
      } else this.failures.push(answer)
      const oldest = number % 3 === 2 ? mine.shift() : undefined
      if (oldest !== undefined) await this.#release(oldest)
      // A failure that comes back at once must not fill the list.
      if (answer.status !== 201) await pause(50)
    }
  }

  async #release(holding: Holding): Promise<void> {
    holding.releaseSentAt = performance.now()
    const answer = await this.#send('DELETE', `/ipam/v1/handles/${holding.handle}`)
    if (answer.status === 200) holding.releasedAt = performance.now()
    else this.failures.push(answer)
  }
}

/** The holder of each address, by the list of all. */
export async function readHolders(
  call: (method: 'GET', path: string) => Promise<Answer>,
): Promise<Readonly<Record<string, string>>> {
  const holders: Record<string, string> = {}
  let token = ''
  do {
    const { status, body } = await call('GET', `/ipam/v1/addresses?limit=1000${token}`)
    if (status !== 200) throw new Error(`The addresses cannot be listed: ${JSON.stringify(body)}`)
    for (const { address, handle } of body['addresses'] as readonly { address: string; handle: string }[]) {
      if (address in holders) throw new Error(`${address} is listed twice.`)
      holders[address] = handle
    }
    token = typeof body['continue'] === 'string' && body['continue'] !== '' ? `&continue=${body['continue']}` : ''
  } while (token !== '')
  return holders
}
