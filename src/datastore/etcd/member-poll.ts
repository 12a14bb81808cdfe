import type { IStatusResponse } from 'etcd3'
import type { MemberFigures } from '../store.ts'
import type { EtcdClient } from './client.ts'
import { memberPollMs, quotaPollMs } from './limits.ts'
import { type MemberPages, readQuota } from './member-pages.ts'

/**
 * Asks every member of etcd for its status regularly, so that readers of the status need not wait. A member answers alone, from its
 * memory. Only its metrics page shows the quota; that page is read less often.
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

/** Returns the alarms among the errors of a status, such as `memberID:1 alarm:NOSPACE`. A missing leader is an error, too. */
function alarmsIn(errors: readonly string[]): readonly string[] {
  return errors.flatMap((error) => /\balarm:(\w+)/.exec(error)?.[1] ?? [])
}
