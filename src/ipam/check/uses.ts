import {
  type Attribute,
  formatTime,
  sequenceNumberOf,
  type WorkloadEndpoint,
  workloadEndpointsInPages,
} from '../../model/index.ts'
import { type Address, addressAt, contains, formatAddress, ordinal } from '../../net/index.ts'
import type { Listed, Revision } from '../../plan/index.ts'
import { type CalicoPurpose, calicoPurposeOf } from '../calico-purpose.ts'
import type { StoredBlock } from './block-findings.ts'
import { type Finding, finding } from './finding.ts'
import type { KnownBlocks } from './handle-findings.ts'
import type { CheckSource } from './source.ts'
import { type CheckTerms, unreadable } from './terms.ts'
import { Window } from './window.ts'

/** Who uses an address: a workload endpoint, or a node with its tunnels. */
interface User {
  readonly key: string
  readonly revision: Revision
  /** Who was read before. */
  readonly next: User | undefined
}

/** An address in use. */
interface Use {
  readonly address: Address
  readonly users: User
  isAssigned: boolean
}

/** How long a workload may take to get its endpoint after its address: what Calico's own garbage collection waits. */
const graceNanoseconds = 15n * 60n * 1_000_000_000n

/**
 * What workloads and tunnels really use, compared with what is assigned. As all of it may not fit into memory, that is done in windows of
 * addresses: in each, first all uses are read, then all blocks are shown, and then there is left what nobody has assigned.
 * @see docs/calico/ipam.md section 9.3
 */
export class Uses {
  readonly #windowSize: number
  #window: Window<Use>
  #isFirst = true
  #isDone = false
  #endpoints: 'none' | 'readable' | 'unreadable' = 'none'

  constructor(windowSize: number) {
    this.#windowSize = windowSize
    this.#window = new Window('', windowSize)
  }

  /** Whether every address was compared. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Reads what is used of the window. */
  async *collect(source: CheckSource, { tunnels }: CheckTerms): AsyncGenerator<Finding, void> {
    if (this.#isDone) return
    for (const tunnel of tunnels.values()) this.#expect(tunnel, tunnel.addresses)
    for await (const page of source.entries(workloadEndpointsInPages)) {
      for (const entry of page) yield* this.#collectEndpoint(entry)
    }
  }

  /** What is wrong between a block and those who use its addresses. */
  *compare(stored: StoredBlock, terms: CheckTerms): Generator<Finding, void> {
    if (this.#isDone) return
    const { value: block } = stored
    const holders = (block.attributes ?? []).map((attribute) => this.#holderOf(attribute, terms))
    for (const [place, index] of block.allocations.entries()) {
      const holder = index === null ? undefined : holders[index]
      if (holder === undefined || (this.#window.size === 0 && holder.unused === undefined)) continue
      const address = addressAt(block.cidr, ordinal(place))
      const key = sortableAddress(address)
      const use = this.#window.get(key)
      if (use === undefined) {
        if (holder.unused === undefined || !this.#window.covers(key)) continue
        yield leak(stored, place, address, holder.unused, holder.attribute)
      } else {
        // A machine that moves is at both places for a while, and both may use its address.
        const isMoving = holder.attribute.alternateOwner !== undefined && use.users.next?.next === undefined
        if (!use.isAssigned && !isMoving) yield* usedTwice(use)
        use.isAssigned = true
      }
    }
  }

  /** What of the window is used and was in no block, once all blocks were shown. Opens the next window. */
  *rest({ pools }: CheckTerms, known: KnownBlocks): Generator<Finding, void> {
    if (this.#isDone) return
    const hidden = [...known.unreadable.values()]
    for (const [, use] of this.#window.rest()) {
      // Nobody knows what a block that cannot be read has assigned.
      if (use.isAssigned || hidden.some((cidr) => contains(cidr, use.address))) continue
      yield* usedTwice(use)
      const isInPool = pools.some(({ cidr, isAllocatable }) => isAllocatable && contains(cidr, use.address))
      yield* usedUnassigned(use, isInPool)
    }
    const { end } = this.#window
    this.#isDone = end === undefined
    this.#isFirst = false
    this.#window = new Window(end ?? '', this.#windowSize)
  }

  *#collectEndpoint(entry: Listed<WorkloadEndpoint>): Generator<Finding, void> {
    if (entry.kind === 'unreadable') {
      if (this.#isFirst) yield unreadable(entry)
      this.#endpoints = 'unreadable'
      return
    }
    if (this.#endpoints === 'none') this.#endpoints = 'readable'
    this.#expect(entry, entry.value.addresses)
  }

  #expect({ key, revision }: Omit<User, 'next'>, addresses: readonly Address[]): void {
    for (const address of addresses) {
      this.#window.expect(sortableAddress(address), (before) => {
        if (before?.users.key === key) return before
        return { address, users: { key, revision, next: before?.users }, isAssigned: false }
      })
    }
  }

  /** Who has addresses with this attribute; undefined when they cool down. `unused` is set when they should be in use by now. */
  #holderOf(
    attribute: Attribute,
    terms: CheckTerms,
  ): { readonly attribute: Attribute; readonly unused: CalicoPurpose | undefined } | undefined {
    if (attribute.releasedAt !== undefined) return undefined
    const purpose = calicoPurposeOf(attribute)
    return { attribute, unused: purpose !== undefined && this.#wouldShow(purpose, terms) ? purpose : undefined }
  }

  /** Whether a use for this purpose would be known. What belongs to a node that is gone has a code of its own. */
  #wouldShow(purpose: CalicoPurpose, { now, nodes, tunnels }: CheckTerms): boolean {
    if (purpose.kind === 'tunnel') return tunnels.has(purpose.node)
    const isRegistered = nodes.size === 0 || nodes.has(purpose.node)
    const isSettled = purpose.assignedAt.nanoseconds + graceNanoseconds < now.nanoseconds
    return isRegistered && isSettled && this.#endpoints === 'readable'
  }
}

/** Texts in the order of addresses. */
function sortableAddress({ family, value }: Address): string {
  return `${String(family)}${value.toString(16).padStart(family === 4 ? 8 : 32, '0')}`
}

/** Told of each user but the first. */
function* usedTwice({ address, users }: Use): Generator<Finding, void> {
  for (let user = users; user.next !== undefined; user = user.next) {
    const message = `${formatAddress(address)} is used here, and by ${user.next.key}; one of them should get another address.`
    yield finding('AddressUsedTwice', { ...user, subject: formatAddress(address) }, message)
  }
}

/** Told of each user. */
function* usedUnassigned({ address, users }: Use, isInPool: boolean): Generator<Finding, void> {
  const text = formatAddress(address)
  for (let user: User | undefined = users; user !== undefined; user = user.next) {
    yield isInPool
      ? finding(
          'AddressNotAssigned',
          { ...user, subject: text },
          `${text} is used here, and not assigned; assign this very address, before somebody else gets it.`,
        )
      : finding(
          'AddressOutsidePools',
          { ...user, subject: text },
          `${text} is used here, not assigned, and in no enabled pool that can be read; use one of a pool.`,
        )
  }
}

function leak(
  { key, revision, value: block }: StoredBlock,
  place: number,
  address: Address,
  purpose: CalicoPurpose,
  { handle = '' }: Attribute,
): Finding {
  const holder =
    purpose.kind === 'tunnel'
      ? `a tunnel of ${purpose.node}, which has no such tunnel`
      : `the pod ${purpose.namespace}/${purpose.pod} on ${purpose.node} at ${formatTime(purpose.assignedAt)}, and no workload endpoint has it`
  const number = String(sequenceNumberOf(block, ordinal(place)))
  const message = `${formatAddress(address)} was assigned for ${holder}; release it with the handle ${JSON.stringify(handle)} and the sequence number ${number}.`
  return finding('AddressUnused', { key, revision, subject: formatAddress(address) }, message)
}
