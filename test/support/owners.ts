import type { HttpClient } from './http-client.ts'

/** One address that a caller holds. */
export interface Held {
  readonly address: string
  readonly handle: string
  readonly sequenceNumber: string
}

/**
 * Callers that assign and release, with an account of who holds what by what was acknowledged to them: an address has left the
 * account when its release is sent, and enters it when its assignment is answered, so that any address entered twice has had two
 * owners at once.
 */
export class Owners {
  readonly #held = new Map<string, Held>()
  readonly violations: string[] = []
  #handles = 0

  /** The addresses that are held, in no order. */
  get held(): readonly Held[] {
    return [...this.#held.values()]
  }

  /** Assigns `count` addresses one by one from `callers` callers at once, spread over the clients and `nodes` nodes. */
  async assign(clients: readonly HttpClient[], callers: number, count: number, nodes: number): Promise<void> {
    let remaining = count
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        while (remaining-- > 0) {
          const handle = `caller-${String(caller)}-${String(this.#handles++)}`
          const node = `node-${String(caller % nodes)}`
          const { status, body } = await clientOf(clients, caller).call('POST', '/ipam/v1/assign', { handle, node })
          if (status === 201) this.#enter(body as unknown as { addresses: Held[] })
          else this.violations.push(`assign was answered with ${String(status)}: ${JSON.stringify(body)}`)
        }
      }),
    )
  }

  /** Releases these from `callers` callers at once, by address, handle and sequence number. */
  async release(clients: readonly HttpClient[], callers: number, leaving: readonly Held[]): Promise<void> {
    const queue = [...leaving]
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        for (let held = queue.pop(); held !== undefined; held = queue.pop()) {
          this.#held.delete(held.address)
          const { address, handle, sequenceNumber } = held
          const addresses = [{ address, handle, sequenceNumber }]
          const { status, body } = await clientOf(clients, caller).call('POST', '/ipam/v1/release', { addresses })
          const released = (body['released'] as readonly string[] | undefined) ?? []
          if (status !== 200 || released[0] !== address) {
            this.violations.push(`release of ${address} was answered with ${String(status)}: ${JSON.stringify(body)}`)
          }
        }
      }),
    )
  }

  #enter({ addresses }: { readonly addresses: readonly Held[] }): void {
    for (const held of addresses) {
      const other = this.#held.get(held.address)
      if (other !== undefined) this.violations.push(`${held.address} is held by ${other.handle} and ${held.handle}`)
      this.#held.set(held.address, held)
    }
  }
}

function clientOf(clients: readonly HttpClient[], caller: number): HttpClient {
  const client = clients[caller % clients.length]
  if (client === undefined) throw new Error('there is no client')
  return client
}
