import type { IStatusResponse } from 'etcd3'
import type { MemberFigures } from '../store.ts'
import type { EtcdClient } from './client.ts'
import { memberPollMs, quotaPollMs } from './limits.ts'
import { type MemberPages, readQuota } from './member-pages.ts'

/**
 * Asks every member of etcd regularly how it is, so that whoever wants to know it need not wait. A status is answered by the member alone,
 * from its memory. Only its metrics page tells the quota, and is read less often.
 */
export class MemberPoll {
  readonly #client: Pick<EtcdClient, 'statuses'>
  readonly #pages: MemberPages
  readonly #timer: NodeJS.Timeout
  readonly #quotas = new Map<string, number | undefined>()
  #quotasAtMs = -Infinity
  #members: readonly MemberFigures[] = []
  #isRunning = false

  constructor(client: Pick<EtcdClient, 'statuses'>, pages: MemberPages) {
    this.#client = client
    this.#pages = pages
    this.#timer = setInterval(() => void this.#poll(), memberPollMs).unref()
    void this.#poll()
  }

  /** The members as they were when they were last asked; none before the first time. */
  get members(): readonly MemberFigures[] {
    return this.#members
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #poll(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    const [statuses] = await Promise.all([this.#client.statuses(), this.#readQuotas()])
    this.#members = statuses.map(({ endpoint, status }) => figuresOf(endpoint, status, this.#quotas.get(endpoint)))
    this.#isRunning = false
  }

  async #readQuotas(): Promise<void> {
    if (performance.now() - this.#quotasAtMs < quotaPollMs) return
    this.#quotasAtMs = performance.now()
    await Promise.all(
      this.#pages.endpoints.map(async (endpoint) => {
        this.#quotas.set(endpoint, await readQuota(endpoint, this.#pages))
      }),
    )
  }
}

function figuresOf(
  endpoint: string,
  status: IStatusResponse | undefined,
  quotaBytes: number | undefined,
): MemberFigures {
  return {
    endpoint,
    isAnswering: status !== undefined,
    hasLeader: status && status.leader !== '0',
    isLeader: status && status.leader !== '0' && status.leader === status.header.member_id,
    databaseBytes: status && Number(status.dbSize),
    databaseUsedBytes: status && Number(status.dbSizeInUse),
    quotaBytes,
    alarms: alarmsIn(status?.errors ?? []),
  }
}

/** Alarms are told as `memberID:1 alarm:NOSPACE`; that there is no leader is among the errors too. */
function alarmsIn(errors: readonly string[]): readonly string[] {
  return errors.flatMap((error) => /\balarm:(\w+)/.exec(error)?.[1] ?? [])
}
