import { groupBy } from './group.ts'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/until.ts'
import { ask } from './cluster.ts'
import type { Change, RevisionOfKeys } from './history.ts'

interface WatchAnswer {
  readonly result?: {
    readonly canceled?: boolean
    readonly events?: readonly {
      readonly type?: 'DELETE'
      readonly kv: { readonly key: string; readonly value?: string; readonly mod_revision: string }
    }[]
  }
}

/** The keys of the IPAM and of the pools, among others. */
const calicoKeys = '/calico/'

/**
 * Records every revision of Calico's keys, or of those below another prefix, while it happens, so that history may be compacted behind
 * it. When the member it watches is silent it goes to another, and resumes after the last revision it has whole; what comes twice is
 * left out.
 */
export class Recorder {
  readonly revisions: RevisionOfKeys[] = []
  readonly #endpoints: readonly string[]
  readonly #keys: { readonly key: string; readonly range_end: string }
  #isOver = false
  #abort = new AbortController()
  #problem: string | undefined

  constructor(endpoints: readonly string[], prefix = calicoKeys) {
    this.#endpoints = endpoints
    // A prefix ends in a slash, and the character after the slash is a zero.
    this.#keys = { key: encode(prefix), range_end: encode(`${prefix.slice(0, -1)}0`) }
    void this.#run()
  }

  /** The last revision recorded. */
  get seen(): bigint {
    return this.revisions.at(-1)?.revision ?? 1n
  }

  /** Waits until all that etcd has is recorded, `patienceMs` at the most, and stops. */
  async finish(patienceMs = 30_000): Promise<void> {
    const newest = await this.#newest()
    await until(
      `all revisions up to ${newest} are recorded`,
      () => {
        if (this.#problem !== undefined) throw new Error(this.#problem)
        return this.seen >= newest ? true : undefined
      },
      patienceMs,
    )
    this.close()
  }

  close(): void {
    this.#isOver = true
    this.#abort.abort()
  }

  async #newest(): Promise<bigint> {
    const range = {
      ...this.#keys,
      sort_target: 'MOD',
      sort_order: 'DESCEND',
      limit: 1,
      keys_only: true,
    }
    const answer = (await ask(this.#endpoints[0] ?? '', '/v3/kv/range', range)) as { kvs?: { mod_revision: string }[] }
    return BigInt(answer.kvs?.[0]?.mod_revision ?? '0')
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#isOver; turn++) {
      try {
        await this.#watch(this.#endpoints[turn % this.#endpoints.length] ?? '')
      } catch {
        await pause(100)
      }
    }
  }

  async #watch(endpoint: string): Promise<void> {
    this.#abort = new AbortController()
    let timer = setTimeout(() => this.#abort.abort(), 2_000)
    try {
      const create_request = {
        ...this.#keys,
        start_revision: String(this.seen + 1n),
      }
      const body = JSON.stringify({ create_request })
      const response = await fetch(`${endpoint}/v3/watch`, { method: 'POST', body, signal: this.#abort.signal })
      let rest = ''
      const decoder = new TextDecoder()
      for await (const bytes of response.body ?? []) {
        // The chunks of a body are bytes; the type of fetch leaves that open.
        const chunk = decoder.decode(bytes as Uint8Array, { stream: true })
        clearTimeout(timer)
        timer = setTimeout(() => this.#abort.abort(), 2_000)
        const lines = `${rest}${chunk}`.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line !== '') this.#take(JSON.parse(line) as WatchAnswer)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #take({ result }: WatchAnswer): void {
    if (result?.canceled === true) {
      this.#problem = `The history was compacted before it was recorded, after revision ${this.seen}.`
      this.#isOver = true
      throw new Error(this.#problem)
    }
    const events = (result?.events ?? []).filter(({ kv }) => BigInt(kv.mod_revision) > this.seen)
    for (const [revision, of] of groupBy(events, ({ kv }) => kv.mod_revision)) {
      const changes = of.map(({ type, kv }): Change => {
        const key = decode(kv.key)
        return type === 'DELETE' ? { key } : { key, text: decode(kv.value ?? '') }
      })
      this.revisions.push({ revision: BigInt(revision), changes })
    }
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
