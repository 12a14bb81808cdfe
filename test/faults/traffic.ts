import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { until } from '../support/until.ts'
import type { Call, Holding, Outcome, Target } from './history.ts'
import { Random } from './random.ts'

/** The small pools, so that addresses run out and are used again. */
const pools = [
  { name: 'small-1', cidr: '10.99.0.0/27' },
  { name: 'small-2', cidr: '10.99.1.0/27' },
] as const
const poolsPath = '/apis/projectcalico.org/v3/ippools'

interface Wish {
  readonly kind: 'assign' | 'ensure'
  readonly handle: string
  readonly count: number
  readonly body: object
  readonly idempotencyKey?: string
}

/** A handle that may hold something although no answer said so, and the time by which that is decided. */
interface Doubt {
  readonly handle: string
  readonly settledAt: number
}

/** A server continues a call without its caller until the call's deadline, 10 s unless configured, and settles it then. */
const serverPatienceMs = 15_000

/** Callers that assign, release and repeat through all servers, and write down every call. */
export class Traffic {
  readonly calls: Call[] = []
  /** Creations and deletions of pools that were answered with success. */
  poolChanges = 0
  readonly #clients: readonly Pool[]
  #handles = 0

  constructor(urls: readonly string[]) {
    this.#clients = urls.map((url) => new Pool(url, { connections: 64 }))
  }

  /** Creates the small pools; `patienceMs` is what each may take. */
  async prepare(patienceMs: number): Promise<void> {
    for (const { name, cidr } of pools) {
      // An attempt whose answer came too late may have made it.
      const isThere = async (): Promise<boolean> => [201, 409].includes(await this.#createPool(name, cidr))
      await until(`pool ${name} exists`, async () => (await isThere()) || undefined, patienceMs)
    }
  }

  /** Callers at work until `isOver`; one more creates and deletes a pool. */
  async run(callers: number, seed: number, isOver: () => boolean): Promise<void> {
    const all = Array.from({ length: callers }, (_, caller) =>
      this.#caller(new Random(seed + caller + 1), caller, isOver),
    )
    await Promise.all([...all, this.#operator(isOver)])
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.destroy()))
  }

  async #operator(isOver: () => boolean): Promise<void> {
    for (let turn = 0; !isOver(); turn++) {
      await this.#createPool('spare', '10.99.2.0/28', turn)
      await pause(500)
      const answer = await this.#send(turn, 'DELETE', `${poolsPath}/spare`)
      if (answer.outcome === 'ok') this.poolChanges++
      await pause(300)
    }
  }

  async #createPool(name: string, cidr: string, server = 0): Promise<number> {
    const spec = { cidr, blockSize: 29 }
    const body = { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name }, spec }
    const { outcome, status } = await this.#send(server, 'POST', poolsPath, body)
    if (outcome === 'ok') this.poolChanges++
    return status
  }

  async #caller(random: Random, caller: number, isOver: () => boolean): Promise<void> {
    const held: Holding[] = []
    const doubtful: Doubt[] = []
    const doubt = (handle: string): void => {
      doubtful.push({ handle, settledAt: performance.now() + serverPatienceMs })
    }
    let stale: Holding | undefined
    while (!isOver()) {
      const server = random.below(this.#clients.length)
      const isGivingBack = held.length >= 5 || random.below(5) < 2
      const [oldest] = held
      const inDoubt = random.below(4) === 0 ? doubtful.shift() : undefined
      if (inDoubt !== undefined) {
        const outcome = await this.#releaseHandle(server, inDoubt.handle)
        if (outcome !== 'ok' || performance.now() < inDoubt.settledAt) doubtful.push(inDoubt)
      } else if (stale !== undefined && random.below(10) === 0) {
        await this.#release(server, stale)
      } else if (oldest !== undefined && isGivingBack) {
        stale = held.shift()
        const isWhole = random.below(4) === 0
        const siblings = held.filter(({ handle }) => handle === oldest.handle)
        if (isWhole || siblings.length > 0) {
          for (const sibling of siblings) held.splice(held.indexOf(sibling), 1)
          if ((await this.#releaseHandle(server, oldest.handle)) !== 'ok') doubt(oldest.handle)
        } else if ((await this.#release(server, oldest)) !== 'ok') doubt(oldest.handle)
      } else {
        const wish = this.#wish(random, caller, stale)
        let last = await this.#assign(server, wish)
        const isRepeatable = wish.kind === 'ensure' || wish.idempotencyKey !== undefined
        let isUnknown = last.outcome === 'unknown'
        if (isRepeatable && (isUnknown || (last.outcome === 'ok' && random.below(3) === 0))) {
          last = await this.#assign(server + 1, wish)
          isUnknown ||= last.outcome === 'unknown'
        }
        if (isUnknown || (last.outcome !== 'ok' && isRepeatable)) doubt(wish.handle)
        else held.push(...last.given)
      }
    }
  }

  #wish(random: Random, caller: number, stale: Holding | undefined): Wish {
    const handle = `c${caller}-${this.#handles++}`
    const node = `node-${random.below(4)}`
    const choice = random.below(10)
    if (choice === 0 && stale !== undefined) {
      return { kind: 'assign', handle, count: 1, body: { handle, node, addresses: [stale.address] } }
    }
    if (choice < 3) return { kind: 'assign', handle, count: 1, body: { handle, node }, idempotencyKey: handle }
    if (choice < 5) return { kind: 'ensure', handle, count: 1, body: { node, ipv4: 1 } }
    const count = choice === 9 ? 2 : 1
    const only = choice === 8 ? { pools: [random.pick(pools).name] } : {}
    return { kind: 'assign', handle, count, body: { handle, node, ipv4: count, ...only } }
  }

  async #assign(server: number, wish: Wish): Promise<Call> {
    const { kind, handle, count, body, idempotencyKey } = wish
    const answer =
      kind === 'ensure'
        ? await this.#send(server, 'PUT', `/ipam/v1/handles/${handle}`, body)
        : await this.#send(server, 'POST', '/ipam/v1/assign', body, idempotencyKey)
    const given = answer.outcome === 'ok' ? ((answer.body['addresses'] ?? []) as readonly Holding[]) : []
    return this.#record({
      ...answer,
      kind,
      handle,
      count,
      given,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    })
  }

  async #release(server: number, { address, handle, sequenceNumber }: Holding): Promise<Outcome> {
    const target = { address, handle, sequenceNumber }
    const answer = await this.#send(server, 'POST', '/ipam/v1/release', { addresses: [target] })
    return this.#recordRelease(answer, handle, target)
  }

  async #releaseHandle(server: number, handle: string): Promise<Outcome> {
    const answer = await this.#send(server, 'DELETE', `/ipam/v1/handles/${handle}`)
    // Nothing is held: that is as good.
    const outcome = answer.status === 404 ? 'ok' : answer.outcome
    return this.#recordRelease({ ...answer, outcome }, handle, { handle })
  }

  #recordRelease(answer: Sent, handle: string, target: Target): Outcome {
    const released = answer.outcome === 'ok' ? ((answer.body['released'] ?? []) as readonly string[]) : []
    return this.#record({ ...answer, kind: 'release', handle, count: 0, targets: [target], released }).outcome
  }

  #record(facts: Sent & Pick<Call, 'kind' | 'handle' | 'count'> & Partial<Call>): Call {
    const { body: _, ...kept } = facts
    const call: Call = { id: this.calls.length, given: [], targets: [], released: [], ...kept }
    this.calls.push(call)
    return call
  }

  async #send(
    server: number,
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
    key?: string,
  ): Promise<Sent> {
    const at = server % this.#clients.length
    const invoked = performance.now()
    try {
      const response = await this.#clients[at]?.request({
        method,
        path,
        headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(4_000),
      })
      const text = (await response?.body.text()) ?? ''
      const status = response?.statusCode ?? 0
      const parsed = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
      if (status >= 500) await pause(20)
      const isUnknown = parsed['reason'] === 'OutcomeUnknown'
      return {
        server: at,
        invoked,
        returned: isUnknown ? Infinity : performance.now(),
        outcome: status < 300 ? 'ok' : isUnknown ? 'unknown' : 'refused',
        status,
        body: parsed,
      }
    } catch (error) {
      // Without a connection nothing was sent.
      const isUnsent = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
      await pause(50)
      const returned = isUnsent ? performance.now() : Infinity
      return { server: at, invoked, returned, outcome: isUnsent ? 'refused' : 'unknown', status: 0, body: {} }
    }
  }
}

type Sent = Pick<Call, 'server' | 'invoked' | 'returned' | 'outcome' | 'status'> & {
  readonly body: Readonly<Record<string, unknown>>
}
