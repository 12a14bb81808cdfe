import {
  type Attribute,
  type Block,
  formatTime,
  sequenceNumberOf,
  type WorkloadEndpoint,
  workloadEndpointsInPages,
} from '../../model/index.ts'
import { type Address, addressAt, contains, formatAddress, ordinal } from '../../net/index.ts'
import type { Listed, Revision } from '../../plan/index.ts'
import { type CalicoPurpose, calicoPurposeOf } from '../calico-purpose.ts'
import type { KnownBlocks } from './block-set.ts'
import { type Finding, newFinding } from './finding.ts'
import { type CheckSource, type CheckTerms, type ReadableEntry, reportUnreadable } from './terms.ts'
import { Window } from './window.ts'

/** A workload endpoint, or a node with its tunnels, that uses an address; linked to the other users of the address. */
interface User {
  readonly key: string
  readonly revision: Revision
  /** The user that was read before. */
  readonly next: User | undefined
}

/** A used address. */
interface UsedAddress {
  readonly address: Address
  readonly users: User
  isAssigned: boolean
}

/** The time that a workload may take from its address to its endpoint, as in Calico's own garbage collection. */
const graceNanoseconds = 15n * 60n * 1_000_000_000n

/**
 * Compares the addresses that workloads and tunnels use with those that are assigned. As they may not all fit into memory, this is done
 * in windows of addresses. For each window, the used addresses are read first, then every block is compared; the used addresses that
 * remain are not assigned. @see docs/calico/ipam.md section 9.3
 */
export class Uses {
  readonly #windowSize: number
  #window: Window<UsedAddress>
  #isFirst = true
  #isDone = false
  #endpoints: 'none' | 'readable' | 'unreadable' = 'none'

  constructor(windowSize: number) {
    this.#windowSize = windowSize
    this.#window = new Window('', windowSize)
  }

  /** True once every address was compared. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Reads the used addresses of the window. */
  async *collect(source: CheckSource, { tunnels }: CheckTerms): AsyncGenerator<Finding, void> {
    if (this.#isDone) return
    for (const tunnel of tunnels.values()) this.#addUser(tunnel, tunnel.addresses)
    for await (const page of source.entries(workloadEndpointsInPages)) {
      for (const entry of page) yield* this.#collectEndpoint(entry)
    }
  }

  /** Compares the assigned addresses of a block with the used ones. */
  *compare(stored: ReadableEntry<Block>, terms: CheckTerms): Generator<Finding, void> {
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
        yield reportUnused(stored, place, address, holder.unused, holder.attribute)
      } else {
        // During a live migration, a machine exists in two places that both use its address.
        const isMoving = holder.attribute.alternate !== undefined && use.users.next?.next === undefined
        if (!use.isAssigned && !isMoving) yield* reportUsedTwice(use)
        use.isAssigned = true
      }
    }
  }

  /** Reports the used addresses of the window that no compared block has assigned, and opens the next window. */
  *finishWindow({ pools }: CheckTerms, known: KnownBlocks): Generator<Finding, void> {
    if (this.#isDone) return
    const hidden = [...known.unreadable.values()]
    for (const [, use] of this.#window.rest()) {
      // A block that cannot be read may have assigned the address.
      if (use.isAssigned || hidden.some((cidr) => contains(cidr, use.address))) continue
      yield* reportUsedTwice(use)
      const isInPool = pools.some(({ cidr, isAllocatable }) => isAllocatable && contains(cidr, use.address))
      yield* reportUnassigned(use, isInPool)
    }
    const { end } = this.#window
    this.#isDone = end === undefined
    this.#isFirst = false
    this.#window = new Window(end ?? '', this.#windowSize)
  }

  *#collectEndpoint(entry: Listed<WorkloadEndpoint>): Generator<Finding, void> {
    if (entry.kind === 'unreadable') {
      if (this.#isFirst) yield reportUnreadable(entry)
      this.#endpoints = 'unreadable'
      return
    }
    if (this.#endpoints === 'none') this.#endpoints = 'readable'
    this.#addUser(entry, entry.value.addresses)
  }

  #addUser({ key, revision }: Omit<User, 'next'>, addresses: readonly Address[]): void {
    for (const address of addresses) {
      this.#window.expect(sortableAddress(address), (before) => {
        if (before?.users.key === key) return before
        return { address, users: { key, revision, next: before?.users }, isAssigned: false }
      })
    }
  }

  /** The holder of addresses with this attribute; undefined if they cool down. `unused` is set if they should be in use by now. */
  #holderOf(
    attribute: Attribute,
    terms: CheckTerms,
  ): { readonly attribute: Attribute; readonly unused: CalicoPurpose | undefined } | undefined {
    if (attribute.releasedAt !== undefined) return undefined
    // Nothing says what is in use: the case of nearly all who do not run Calico beside.
    const isUseKnown = this.#endpoints === 'readable' || terms.tunnels.size > 0
    const purpose = isUseKnown ? calicoPurposeOf(attribute) : undefined
    return { attribute, unused: purpose !== undefined && this.#shouldBeUsed(purpose, terms) ? purpose : undefined }
  }

  /** True if an address assigned for this purpose should have a known user by now. `NodeGone` covers nodes that are not registered. */
  #shouldBeUsed(purpose: CalicoPurpose, { now, nodes, tunnels }: CheckTerms): boolean {
    if (purpose.kind === 'tunnel') return tunnels.has(purpose.node)
    const isRegistered = nodes.size === 0 || nodes.has(purpose.node)
    const isSettled = purpose.assignedAt.nanoseconds + graceNanoseconds < now.nanoseconds
    return isRegistered && isSettled && this.#endpoints === 'readable'
  }
}

/** A text that sorts as addresses do. */
function sortableAddress({ family, value }: Address): string {
  return `${family}${value.toString(16).padStart(family === 4 ? 8 : 32, '0')}`
}

/** Reports each user of an address except the first. */
function* reportUsedTwice({ address, users }: UsedAddress): Generator<Finding, void> {
  for (let user = users; user.next !== undefined; user = user.next) {
    const message = `${formatAddress(address)} is used here and by ${user.next.key}; one of them should get another address.`
    yield newFinding('AddressUsedTwice', { ...user, subject: formatAddress(address) }, message)
  }
}

/** Reports each user of an address that is not assigned. */
function* reportUnassigned({ address, users }: UsedAddress, isInPool: boolean): Generator<Finding, void> {
  const text = formatAddress(address)
  for (let user: User | undefined = users; user !== undefined; user = user.next) {
    const at = { ...user, subject: text }
    yield isInPool
      ? newFinding(
          'AddressNotAssigned',
          at,
          `${text} is used here and not assigned; assign it before another holder gets it.`,
        )
      : newFinding(
          'AddressOutsidePools',
          at,
          `${text} is used here, is not assigned, and lies in no enabled pool that can be read; use an address of a pool.`,
        )
  }
}

/** Reports an address that Calico assigned and that has no user. */
function reportUnused(
  { key, revision, value: block }: ReadableEntry<Block>,
  place: number,
  address: Address,
  purpose: CalicoPurpose,
  { handle = '' }: Attribute,
): Finding {
  const holder =
    purpose.kind === 'tunnel'
      ? `a tunnel of ${purpose.node}, which has no such tunnel`
      : `the pod ${purpose.namespace}/${purpose.pod} on ${purpose.node} at ${formatTime(purpose.assignedAt)}, and no workload endpoint uses it`
  const number = String(sequenceNumberOf(block, ordinal(place)))
  const message = `${formatAddress(address)} was assigned for ${holder}; release it with the handle ${JSON.stringify(handle)} and the sequence number ${number}.`
  const leaked = { node: purpose.node, addresses: 1 }
  return newFinding('AddressUnused', { key, revision, subject: formatAddress(address), leaked }, message)
}
