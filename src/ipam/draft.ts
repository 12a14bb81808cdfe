import {
  addToHandle,
  type Affinity,
  affinityKey,
  type Block,
  blockKey,
  collectGarbage,
  confirmedAffinity,
  formatOwner,
  type Handle,
  handleKey,
  isEmpty,
  type Now,
  type Owner,
  type Pool,
  poolKey,
  setHandleCount,
} from '../model/index.ts'
import { type Cidr, formatCidr } from '../net/index.ts'
import { type Key, type Lookup, put, remove, type View, type Write } from '../plan/index.ts'

/** A block as an operation finds it. */
export type FoundBlock =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly problem: string }
  | { readonly kind: 'block'; readonly block: Block }

/**
 * The changes of one operation while it is being planned: what it reads comes from the view, or from its own changes where it has
 * made some; in the end each changed key is written once.
 */
export class Draft {
  readonly view: View
  readonly now: Now
  readonly #cooldownSeconds: number
  readonly #blocks = new Map<string, FoundBlock>()
  readonly #handles = new Map<string, Handle | undefined>()
  readonly #affinities = new Map<string, Affinity | undefined>()
  readonly #writes = new Map<string, Write>()

  constructor(view: View, now: Now, cooldownSeconds: number) {
    this.view = view
    this.now = now
    this.#cooldownSeconds = cooldownSeconds
  }

  /** The block at `cidr`, addresses whose rest is over freed as on every load. @see docs/calico/ipam.md section 3.3 */
  block(cidr: Cidr): FoundBlock {
    const key = blockKey(cidr)
    let found = this.#blocks.get(key.text)
    if (found === undefined) {
      const lookup = this.view.get(key)
      found =
        lookup.kind === 'value'
          ? { kind: 'block', block: collectGarbage(lookup.value, this.now, this.#cooldownSeconds) }
          : lookup
      this.#blocks.set(key.text, found)
    }
    return found
  }

  /** Compares the pool that addresses are taken from: that no other was added is proved by the listing, but not that it is still there. */
  relyOn(pool: Pool): void {
    this.view.get(poolKey(pool.name))
  }

  /** Stores a new or changed block; or deletes it, when it is empty and nobody's, as Calico does after a release. */
  setBlock(block: Block): void {
    const isGone = block.affinity === null && isEmpty(block)
    this.#setBlock(block.cidr, isGone ? undefined : block)
  }

  /** Removes the block at `cidr` with the claim of `owner` on it: only for one that is empty. */
  deleteBlock(cidr: Cidr, owner: Owner): void {
    this.#setBlock(cidr, undefined)
    this.dropAffinity(owner, cidr)
  }

  /** The claim of `owner` on the block at `cidr`; undefined when there is none, or none that can be read. */
  affinity(owner: Owner, cidr: Cidr): Affinity | undefined {
    const found = this.#affinity(owner, cidr)
    return found === 'unreadable' ? undefined : found
  }

  /** Sees to it that the claim of `owner` on the block at `cidr` is confirmed. One that cannot be read is left alone. */
  confirmAffinity(owner: Owner, cidr: Cidr): void {
    const found = this.#affinity(owner, cidr)
    if (found === 'unreadable' || found?.state === 'confirmed') return
    this.#setAffinity(owner, cidr, { ...confirmedAffinity, ...found, state: 'confirmed' })
  }

  /** Removes the claim of `owner` on the block at `cidr`, if there is one. One that cannot be read is left alone. */
  dropAffinity(owner: Owner, cidr: Cidr): void {
    if (this.affinity(owner, cidr) !== undefined) this.#setAffinity(owner, cidr, undefined)
  }

  /** Counts `count` more addresses of `handle` in `block`. A handle is taken to be new until the commit says otherwise. */
  addToHandle(handle: string, block: Cidr, count: number): void {
    const found = this.#handle(handle, true)
    // An unreadable handle is left alone: it is an index, and the block is the truth.
    if (found !== 'unreadable') this.#setHandle(handle, addToHandle(found, formatCidr(block), count))
  }

  /**
   * After a release: takes what was released off what `handle` counts in the block, down to what it still holds there. A count that
   * is too high stays so while it holds something: Calico writes the handle before the block when it assigns, and after it when it
   * releases, and a count cut to what the block holds at that moment would be too low once it is done. With the last address the count
   * goes, which heals what others left too high. @see docs/calico/ipam.md section 4
   */
  takeFromHandle(handle: string, cidrText: string, { released, held }: { released: number; held: number }): void {
    const found = this.#handle(handle, false)
    if (found === 'unreadable' || found === undefined) return
    const rest = (found.blocks.get(cidrText) ?? 0) - released
    this.#setHandle(handle, setHandleCount(found, cidrText, held === 0 ? 0 : Math.max(held, rest)))
  }

  /** Sets what `handle` counts in the block to what is really held there. */
  setHandleCount(handle: string, cidrText: string, count: number): void {
    const found = this.#handle(handle, false)
    if (found !== 'unreadable' && found !== undefined) this.#setHandle(handle, setHandleCount(found, cidrText, count))
  }

  /** Every change, one write per key. */
  writes(): readonly Write[] {
    return [...this.#writes.values()]
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

  #affinity(owner: Owner, cidr: Cidr): Affinity | undefined | 'unreadable' {
    const key = affinityKey(owner, cidr)
    return this.#affinities.has(key.text) ? this.#affinities.get(key.text) : valueOf(this.view.get(key))
  }

  #setAffinity(owner: Owner, cidr: Cidr, value: Affinity | undefined): void {
    const key = affinityKey(owner, cidr)
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

/** The text of `owner` as a block's `affinity` has it; null for nobody. */
export function affinityText(owner: Owner | undefined): string | null {
  return owner === undefined ? null : formatOwner(owner)
}
