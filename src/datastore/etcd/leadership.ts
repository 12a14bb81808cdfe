import type { Family, Key, Revision, View } from '../../plan/index.ts'
import type { Leadership, LeadershipOptions } from '../leadership.ts'
import type { Probe } from '../probe.ts'
import type { EtcdClient } from './client.ts'
import { compareKey } from './keys.ts'

/** The id of the server that leads, under the name of the task. The keys vanish with the lease of their server. */
export const leaders: Family<string> = {
  name: 'leaders',
  prefix: '/ippoold/v1/leaders/',
  held: 'values',
  part: 'record',
  decode: (_key, text) => ({ ok: true, value: text }),
  encode: (server) => server,
}

/** Leads by a key with a lease: who has the key leads. */
export class EtcdLeadership implements Leadership {
  readonly #client: EtcdClient
  readonly #server: string
  readonly #key: Key<string>
  readonly #options: LeadershipOptions
  readonly #probe: Probe
  /** The revision at which this server wrote the key; 0 when it does not lead. */
  #revision: Revision = 0n
  #timer: NodeJS.Timeout | undefined
  #campaigning: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(client: EtcdClient, server: string, options: LeadershipOptions, probe: Probe) {
    this.#client = client
    this.#server = server
    this.#key = { family: leaders, text: `${leaders.prefix}${options.task}` }
    this.#options = options
    this.#probe = probe
  }

  get isLeading(): boolean {
    return this.#revision > 0n
  }

  start(): void {
    this.#probe.leadershipChanged({ task: this.#options.task, isLeading: false })
    this.#campaigning = this.#campaign()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#campaigning
    if (this.#revision === 0n) return
    const key = Buffer.from(this.#key.text)
    const compare = [compareKey(this.#key.text, this.#revision)]
    await this.#client.transact({ compare, success: [{ request_delete_range: { key } }] })
    this.#revision = 0n
  }

  isProved(view: View): boolean {
    const leader = view.get(this.#key)
    return leader.kind === 'value' && leader.value === this.#server
  }

  async #campaign(): Promise<void> {
    const before = this.isLeading
    try {
      await this.#renew()
    } catch {
      // etcd does not answer; the next campaign finds out who leads.
    }
    if (this.isLeading !== before) {
      this.#options.changed(this.isLeading)
      this.#probe.leadershipChanged({ task: this.#options.task, isLeading: this.isLeading })
    }
    if (this.#isStopped) return
    this.#timer = setTimeout(
      () => {
        this.#campaigning = this.#campaign()
      },
      (this.#options.seconds * 1_000) / 3,
    )
  }

  /** Writes the key again, with a new lease, unless another server has it. After a lost answer, the next campaign reads the key. */
  async #renew(): Promise<void> {
    const key = Buffer.from(this.#key.text)
    const { kvs } = await this.#client.range({ key })
    const [stored] = kvs
    if (stored !== undefined && stored.value.toString() !== this.#server) {
      this.#revision = 0n
      return
    }
    const lease = await this.#client.grantLease(this.#options.seconds)
    const outcome = await this.#client.transact({
      compare: [compareKey(this.#key.text, stored === undefined ? 0n : BigInt(stored.mod_revision))],
      success: [{ request_put: { key, value: Buffer.from(this.#server), lease } }],
    })
    if (outcome.kind !== 'answered') return
    this.#revision = outcome.response.succeeded ? BigInt(outcome.response.header.revision) : 0n
  }
}
