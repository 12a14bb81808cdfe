import { isJsonObject, parseJson, stringifyJson } from '../../model/index.ts'
import { type Family, type Key, put, remove, type View } from '../../plan/index.ts'
import type { Leadership, LeadershipOptions } from '../leadership.ts'
import type { Probe } from '../probe.ts'
import type { Store } from '../store.ts'
import { leadersPrefix } from './forms/index.ts'

/** Who leads a task: the members of a Lease. */
export interface Leader {
  readonly holderIdentity: string
  /** When the holder gave its last sign of life, as the API server writes times. */
  readonly renewTime: string
  readonly leaseDurationSeconds: number
}

/** The leaders, under the names of their tasks. */
export const leaders: Family<Leader> = {
  name: 'leaders',
  prefix: leadersPrefix,
  held: 'values',
  part: 'record',
  decode(key, text) {
    const json = parseJson(text)
    const spec = json.ok && isJsonObject(json.value) ? json.value : undefined
    const [holderIdentity, renewTime, seconds] = [
      spec?.['holderIdentity'],
      spec?.['renewTime'],
      Number(spec?.['leaseDurationSeconds']),
    ]
    if (typeof holderIdentity !== 'string' || typeof renewTime !== 'string' || !Number.isInteger(seconds)) {
      return { ok: false, problem: `${key}: not the Lease of a leader` }
    }
    return { ok: true, value: { holderIdentity, renewTime, leaseDurationSeconds: seconds } }
  },
  encode: ({ holderIdentity, renewTime, leaseDurationSeconds }) =>
    stringifyJson({ holderIdentity, leaseDurationSeconds, renewTime }),
}

/**
 * Leads by a Lease. Clocks need not agree: another server replaces a leader whose Lease it has seen unchanged for as long as the Lease
 * says.
 */
export class LeaseLeadership implements Leadership {
  readonly #store: Pick<Store, 'submit'>
  readonly #server: string
  readonly #key: Key<Leader>
  readonly #options: LeadershipOptions
  readonly #probe: Probe
  /** The Lease of another server as it was when it last changed, and when that was seen. */
  #seen: { readonly renewTime: string; readonly holder: string; readonly atMs: number } | undefined
  #timer: NodeJS.Timeout | undefined
  #campaigning: Promise<void> = Promise.resolve()
  #isStopped = false
  #leadsUntilMs = 0

  constructor(store: Pick<Store, 'submit'>, server: string, options: LeadershipOptions, probe: Probe) {
    this.#store = store
    this.#server = server
    this.#key = { family: leaders, text: `${leaders.prefix}${options.task}` }
    this.#options = options
    this.#probe = probe
  }

  get isLeading(): boolean {
    return performance.now() < this.#leadsUntilMs
  }

  start(): void {
    this.#probe.leadershipChanged({ task: this.#options.task, isLeading: false })
    this.#campaigning = this.#campaign(false)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#campaigning
    if (!this.isLeading) return
    await this.#store
      .submit((view) => {
        const isMine = this.isProved(view)
        return { answer: undefined, writes: isMine ? [remove(this.#key)] : [] }
      })
      .catch(() => undefined)
    this.#leadsUntilMs = 0
  }

  isProved(view: View): boolean {
    const leader = view.get(this.#key)
    return leader.kind === 'value' && leader.value.holderIdentity === this.#server
  }

  async #campaign(before: boolean): Promise<void> {
    const { seconds, task, changed } = this.#options
    const startedMs = performance.now()
    try {
      this.#leadsUntilMs = (await this.#renew()) ? startedMs + seconds * 1_000 : 0
    } catch {
      // The API server does not answer; the next campaign finds out who leads.
    }
    const { isLeading } = this
    if (isLeading !== before) {
      changed(isLeading)
      this.#probe.leadershipChanged({ task, isLeading })
    }
    if (this.#isStopped) return
    this.#timer = setTimeout(
      () => {
        this.#campaigning = this.#campaign(isLeading)
      },
      (seconds * 1_000) / 3,
    )
  }

  /** Writes the Lease, unless another server has it. Returns whether this one has it now. */
  async #renew(): Promise<boolean> {
    const { seconds } = this.#options
    const { answer } = await this.#store.submit(
      (view) => {
        const present = view.get(this.#key)
        if (present.kind === 'value' && !this.#mayWrite(present.value)) return { answer: false, writes: [] }
        // Kubernetes writes microseconds.
        const renewTime = new Date().toISOString().replace('Z', '000Z')
        const leader = { holderIdentity: this.#server, renewTime, leaseDurationSeconds: seconds }
        return { answer: true, writes: [put(this.#key, leader)] }
      },
      { deadlineMs: (seconds * 1_000) / 3 },
    )
    return answer
  }

  #mayWrite({ holderIdentity: holder, renewTime, leaseDurationSeconds }: Leader): boolean {
    if (holder === this.#server) return true
    const nowMs = performance.now()
    if (this.#seen?.holder !== holder || this.#seen.renewTime !== renewTime) {
      this.#seen = { holder, renewTime, atMs: nowMs }
    }
    return nowMs - this.#seen.atMs > leaseDurationSeconds * 1_000
  }
}
