import {
  addToHandle,
  type Affinity,
  affinityKey,
  type Block,
  blockKey,
  collectGarbage,
  confirmedAffinity,
  formatAffinity,
  type Handle,
  handleKey,
  isBlockOfNobody,
  type Now,
  type AffinityHost,
  type Pool,
  parseBlockKey,
  poolKey,
  estimateHandleBytes,
  setHandleCounts,
} from '../model/index.ts'
import { type Cidr, formatCidr } from '../net/index.ts'
import { type Key, type Lookup, put, remove, type View, type Write } from '../plan/index.ts'
import { Ledger } from './ledger.ts'

/** A block as a plan finds it. */
export type FoundBlock =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly problem: string }
  | { readonly kind: 'block'; readonly block: Block }

/** The numbers of addresses of a handle that were released in a block, and that it still holds there. */
export interface Taken {
  readonly released: number
  readonly held: number
}

/**
 * The changes of a plan while it is being made. A read sees the view, or the draft's own change of the key. Each changed key is written
 * once, in its last state.
 */
export class Draft {
  readonly view: View
  readonly now: Now
  readonly #cooldownSeconds: number | undefined
  readonly #blocks = new Map<string, FoundBlock>()
  readonly #handles = new Map<string, Handle | undefined>()
  readonly #affinities = new Map<string, Affinity | undefined>()
  readonly #writes = new Map<string, Write>()
  /** The charges to quotas that the plan makes and gives back. */
  readonly ledger: Ledger

  /** `cooldownSeconds` is undefined where the configuration cannot be read: then no address that cools down is taken for free. */
  constructor(view: View, now: Now, cooldownSeconds: number | undefined) {
    this.view = view
    this.now = now
    this.#cooldownSeconds = cooldownSeconds
    this.ledger = new Ledger(view)
  }

  /** The block at `cidr`, with the addresses freed whose cooldown is over, as on every load. @see docs/calico/ipam.md section 3.3 */
  block(cidr: Cidr): FoundBlock {
    const key = blockKey(cidr)
    let found = this.#blocks.get(key.text)
    if (found === undefined) {
      const lookup = this.view.get(key)
      found = lookup.kind === 'value' ? { kind: 'block', block: this.#load(lookup.value) } : lookup
      this.#blocks.set(key.text, found)
    }
    return found
  }

  /** Lets the commit prove that the pool is still there. The listing of pools proves only that none was added or changed. */
  relyOn(pool: Pool): void {
    this.view.get(poolKey(pool.name))
  }

  /** Stores a new or changed block. Deletes it if it is empty and has no affinity, as Calico does after a release. */
  setBlock(block: Block): void {
    this.#setBlock(block.cidr, isBlockOfNobody(block) ? undefined : block)
  }

  /** The affinity of the block at `cidr` to `host`; undefined if there is none, or none that can be read. */
  affinity(host: AffinityHost, cidr: Cidr): Affinity | undefined {
    const found = this.#affinity(host, cidr)
    return found === 'unreadable' ? undefined : found
  }

  /** Confirms the affinity of the block at `cidr` to `host`, and creates it if it is missing. One that cannot be read is left alone. */
  confirmAffinity(host: AffinityHost, cidr: Cidr): void {
    const found = this.#affinity(host, cidr)
    if (found === 'unreadable' || found?.state === 'confirmed') return
    this.#setAffinity(host, cidr, { ...confirmedAffinity, ...found, state: 'confirmed' })
  }

  /** Removes the affinity of the block at `cidr` to `host`, if there is one. One that cannot be read is left alone. */
  dropAffinity(host: AffinityHost, cidr: Cidr): void {
    if (this.affinity(host, cidr) !== undefined) this.#setAffinity(host, cidr, undefined)
  }

  /** Removes the affinity of `block` to `host`, which it does not belong to. An empty block of nobody is deleted: it would stay for ever. */
  dropStaleAffinity(host: AffinityHost, block: Block): void {
    this.dropAffinity(host, block.cidr)
    if (isBlockOfNobody(block)) this.#setBlock(block.cidr, undefined)
  }

  /** Removes the affinity of the block at `cidr` to `host`, readable or not. */
  deleteAffinity(host: AffinityHost, cidr: Cidr): void {
    if (this.#affinity(host, cidr) !== undefined) this.#setAffinity(host, cidr, undefined)
  }

  /** Counts `count` more addresses of `handle` in `block`. The handle is assumed to be new until the commit says otherwise. */
  addToHandle(handle: string, block: Cidr, count: number): void {
    const found = this.#handle(handle, true)
    // An unreadable handle is left alone: it is an index, and the block is the truth.
    if (found !== 'unreadable') this.#setHandle(handle, addToHandle(found, formatCidr(block), count))
  }

  /**
   * After a release: subtracts what was released from what `handle` counts in each block, down to the addresses that it still holds there.
   * A count that is too high stays too high while the handle holds something: Calico writes the handle before the block when it assigns,
   * and after it when it releases, so a count cut to what the block holds now could be too low once Calico is done. With the last
   * address the count is removed, whatever it was. @see docs/calico/ipam.md section 4
   */
  takeFromHandle(handle: string, taken: ReadonlyMap<string, Taken>): void {
    const found = this.#handle(handle, false)
    if (found === 'unreadable' || found === undefined) return
    const counts = [...taken].map(([cidrText, { released, held }]) => {
      const rest = (found.blocks.get(cidrText) ?? 0) - released
      return [cidrText, held === 0 ? 0 : Math.max(held, rest)] as const
    })
    this.#setHandle(handle, setHandleCounts(found, counts))
  }

  /** Sets what `handle` counts in blocks to the numbers of addresses that it holds there. */
  setHandleCounts(handle: string, counts: Iterable<readonly [cidrText: string, count: number]>): void {
    const found = this.#handle(handle, false)
    if (found !== 'unreadable' && found !== undefined) this.#setHandle(handle, setHandleCounts(found, counts))
  }

  /** Every change, one write per key. */
  writes(): readonly Write[] {
    return [...this.#writes.values(), ...this.ledger.writes()]
  }

  /**
   * Gives back the charges for addresses that the changed blocks no longer hold. `hasRoom` tells whether the transaction has room for so
   * many keys; what does not fit is left to upkeep.
   */
  giveBackCharges(hasRoom: (keys: number) => boolean): void {
    for (const [key, found] of this.#blocks) {
      const cidr = this.#writes.has(key) ? parseBlockKey(key) : undefined
      if (cidr !== undefined) this.ledger.giveBack(cidr, found.kind === 'block' ? found.block : undefined, hasRoom)
    }
  }

  /** True if the draft changes `key`. */
  changes(key: Key<unknown>): boolean {
    return this.#writes.has(key.text)
  }

  /** About how many bytes the changes store. */
  get bytes(): number {
    let bytes = 0
    for (const [key, write] of this.#writes) {
      const handle = this.#handles.get(key)
      if (handle !== undefined) bytes += estimateHandleBytes(handle)
      else if (write.kind === 'put') bytes += Buffer.byteLength(write.encode())
    }
    return bytes
  }

  #load(block: Block): Block {
    return this.#cooldownSeconds === undefined ? block : collectGarbage(block, this.now, this.#cooldownSeconds)
  }

  #setBlock(cidr: Cidr, block: Block | undefined): void {
    const key = blockKey(cidr)
    this.#blocks.set(key.text, block === undefined ? { kind: 'absent' } : { kind: 'block', block })
    this.#write(key, block)
  }

  #handle(handle: string, assumeAbsent: boolean): Handle | undefined | 'unreadable' {
    const key = handleKey(handle)
    return this.#handles.has(key.text) ? this.#handles.get(key.text) : valueOf(this.view.get(key, { assumeAbsent }))
  }

  #setHandle(handle: string, value: Handle | undefined): void {
    const key = handleKey(handle)
    this.#handles.set(key.text, value)
    this.#write(key, value)
  }

  #affinity(host: AffinityHost, cidr: Cidr): Affinity | undefined | 'unreadable' {
    const key = affinityKey(host, cidr)
    return this.#affinities.has(key.text) ? this.#affinities.get(key.text) : valueOf(this.view.get(key))
  }

  #setAffinity(host: AffinityHost, cidr: Cidr, value: Affinity | undefined): void {
    const key = affinityKey(host, cidr)
    this.#affinities.set(key.text, value)
    this.#write(key, value)
  }

  #write<Value>(key: Key<Value>, value: Value | undefined): void {
    this.#writes.set(key.text, value === undefined ? remove(key) : put(key, value))
  }
}

/** The value that was found; undefined when there is none. */
function valueOf<Value>(lookup: Lookup<Value>): Value | undefined | 'unreadable' {
  if (lookup.kind === 'unreadable') return 'unreadable'
  return lookup.kind === 'value' ? lookup.value : undefined
}

/** The `affinity` of a block that belongs to `host`; null for no host. */
export function affinityText(host: AffinityHost | undefined): string | null {
  return host === undefined ? null : formatAffinity(host)
}
