import { EtcdPermissionDeniedError, GRPCDeadlineExceededError, type ICompare, type ITxnRequest } from 'etcd3'
import type { Family } from '../../plan/index.ts'
import type { Probe } from '../probe.ts'
import type { EtcdClient, TransactionOutcome } from './client.ts'
import { explain } from './faults.ts'
import { changeCheckMs } from './limits.ts'

/** Keys that this server needs a right to: all that begin with `prefix`. */
export interface NeededKeys {
  readonly prefix: string
  readonly right: 'read' | 'readwrite'
}

/** The keys of a family, and the right to them that plans need. */
export function keysOf({ prefix, isReadOnly }: Pick<Family<unknown>, 'prefix' | 'isReadOnly'>): NeededKeys {
  return { prefix, right: isReadOnly === true ? 'read' : 'readwrite' }
}

/**
 * Finds out whether etcd would carry out changes: reads say nothing of its space, of its alarms, or of the right to write. It sends a
 * transaction whose compares never hold. etcd treats it as a change: its members agree on it and write it to their logs, and they refuse
 * it if they have no space or if the user lacks a right. But it writes no key, and makes no revision.
 */
export class ChangeCheck {
  readonly #client: EtcdClient
  readonly #needed: readonly NeededKeys[]
  readonly #probe: Probe
  #why: string | undefined
  #checkedAtMs = -Infinity
  #isDoubtful = false
  #running: Promise<void> | undefined
  #isClosed = false

  constructor(client: EtcdClient, needed: readonly NeededKeys[], probe: Probe) {
    this.#client = client
    this.#needed = needed
    this.#probe = probe
  }

  /** Says that changes cannot be made, why, and what to do; undefined while they can. */
  get problem(): string | undefined {
    return this.#why === undefined ? undefined : `cannot be made: ${this.#why}`
  }

  /** Says that a change has failed: the next call of {@link checkIfDue} checks. */
  doubt(): void {
    this.#isDoubtful = true
  }

  /** Checks, if the last check is {@link changeCheckMs} ago, found a problem, or is in doubt. To be called regularly while etcd answers. */
  async checkIfDue(): Promise<void> {
    const isFresh = performance.now() - this.#checkedAtMs < changeCheckMs
    if (isFresh && this.#why === undefined && !this.#isDoubtful) return
    this.#running ??= this.#check().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  close(): void {
    this.#isClosed = true
  }

  async #check(): Promise<void> {
    this.#isDoubtful = false
    const verdict = judge(await this.#client.transact(tryOut(this.#needed)))
    if (verdict.kind === 'unknown') return
    const why = verdict.kind === 'denied' ? await describeMissingRights(this.#client, this.#needed) : whyNot(verdict)
    if (this.#isClosed) return
    this.#checkedAtMs = performance.now()
    if (why === this.#why) return
    this.#why = why
    this.#probe.changesChecked({ problem: why })
  }
}

/**
 * Names the rights that etcd's user lacks, and the command that grants the first. Undefined if it lacks none, as when they were granted
 * just now.
 */
export async function describeMissingRights(
  client: EtcdClient,
  needed: readonly NeededKeys[],
): Promise<string | undefined> {
  const verdicts = await Promise.all(needed.map(async (keys) => judge(await client.transact(tryOut([keys])))))
  const missing = needed.filter((_, index) => verdicts[index]?.kind === 'denied')
  const [first] = missing
  if (first === undefined) return undefined
  const all = missing.map(({ prefix, right }) => `${right} on ${prefix}`).join(', ')
  const command = `etcdctl role grant-permission ROLE --prefix=true ${first.right} ${first.prefix}`
  return `etcd's user lacks rights to the keys with these prefixes: ${all}. Grant them to a role of the user: ${command}`
}

/** A transaction that needs the rights to `needed`, and changes nothing: no version of a key is less than 0. */
function tryOut(needed: readonly NeededKeys[]): ITxnRequest {
  const compare = needed.map(
    ({ prefix }): ICompare => ({ key: Buffer.from(prefix), target: 'Version', result: 'Less', version: '0' }),
  )
  const written = needed.filter(({ right }) => right === 'readwrite')
  const success = written.map(({ prefix }) => ({
    request_put: { key: Buffer.from(prefix), value: Buffer.alloc(0) },
  }))
  return { compare, success }
}

/** The verdict of a check: whether changes can be made. `denied`: a right is missing. */
export type Verdict =
  | { readonly kind: 'possible' | 'denied' | 'unknown' }
  | { readonly kind: 'impossible'; readonly why: string }

/** Judges an outcome of the check. */
export function judge(outcome: TransactionOutcome): Verdict {
  if (outcome.kind === 'answered') return { kind: 'possible' }
  const { kind, error } = outcome
  if (kind === 'refused') {
    if (error instanceof EtcdPermissionDeniedError) return { kind: 'denied' }
    return { kind: 'impossible', why: explain(error)?.text ?? `etcd refuses them: ${error.message.trim()}` }
  }
  // Without a connection nothing is known of changes: that etcd does not answer is another check.
  const isLate = error instanceof GRPCDeadlineExceededError || error.message.includes('request timed out')
  return kind === 'lost' && isLate ? { kind: 'impossible', why: tooLate } : { kind: 'unknown' }
}

const tooLate = 'etcd does not carry them out in time. Look at its disks, and at the connections between its members.'

function whyNot(verdict: Verdict): string | undefined {
  return verdict.kind === 'impossible' ? verdict.why : undefined
}
