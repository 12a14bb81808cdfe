import type { Family, Key, Revision, View } from '../../plan/index.ts'
import type { EtcdClient } from './client.ts'
import { compareKey } from './keys.ts'

/** Who leads what: the id of a server under the name of the task. The keys vanish with the lease of their server. */
export const leaders: Family<string> = {
  name: 'leaders',
  prefix: '/ippoold/v1/leaders/',
  held: 'values',
  decode: (_key, text) => ({ ok: true, value: text }),
  encode: (server) => server,
}

/** What a server hears of its leadership. */
export interface LeadershipOptions {
  readonly task: string
  /** How long after its last sign of life a leader is replaced. */
  readonly seconds: number
  /** Called when this server begins to lead, and when it has found out that it does not any more. */
  readonly changed: (isLeading: boolean) => void
}

/**
 * Leads a task on one server at a time. A leader cannot know that it still is one: it may have slept. So whatever it writes for the task
 * has to be planned under {@link isProved}, which makes the commit compare the leader's key; what it believes besides only saves work.
 */
export class Leadership {
  readonly #client: EtcdClient
  readonly #server: string
  readonly #key: Key<string>
  readonly #options: LeadershipOptions
  /** Of the key as this server wrote it; 0 when it does not lead. */
  #revision: Revision = 0n
  #timer: NodeJS.Timeout | undefined
  #campaigning: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(client: EtcdClient, server: string, options: LeadershipOptions) {
    this.#client = client
    this.#server = server
    this.#key = { family: leaders, text: `${leaders.prefix}${options.task}` }
    this.#options = options
  }

  /** Whether this server led when it last looked. */
  get isLeading(): boolean {
    return this.#revision > 0n
  }

  /** Tries to lead, now and from then on, and gives signs of life while it does. */
  start(): void {
    this.#campaigning = this.#campaign()
  }

  /** Gives up the leadership, so that another server need not wait for the end of the lease. */
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

  /**
   * Whether this server leads, so that the plan may write for the task: the commit proves it. What is in memory may be old; then the
   * commit fails, and the plan runs again on what etcd has.
   */
  isProved(view: View): boolean {
    const leader = view.get(this.#key)
    return leader.kind === 'value' && leader.value === this.#server
  }

  async #campaign(): Promise<void> {
    const before = this.isLeading
    try {
      await this.#renew()
    } catch {
      // Without etcd nobody can do anything; the next try tells.
    }
    if (this.isLeading !== before) this.#options.changed(this.isLeading)
    if (this.#isStopped) return
    this.#timer = setTimeout(
      () => {
        this.#campaigning = this.#campaign()
      },
      (this.#options.seconds * 1_000) / 3,
    )
  }

  /** Writes the key anew, with a new lease, if nobody else has it. An answer that is lost is made up for by the next look. */
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
