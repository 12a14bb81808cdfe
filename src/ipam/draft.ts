import { put, remove, type Key, type View, type Write } from '../datastore/index.ts'
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
  /** The CIDRs of the blocks that were changed, created or deleted, by key. */
  readonly #changedBlocks = new Map<string, Cidr>()
  readonly #handles = new Map<string, Handle | undefined>()
  readonly #others = new Map<string, Write>()

  constructor(view: View, now: Now, cooldownSeconds: number) {
    this.view = view
    this.now = now
    this.#cooldownSeconds = cooldownSeconds
  }

  /** The block at `cidr`, addresses whose rest is over freed as on every load. @see calico-ipam.md section 3.3 */
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
    const key = blockKey(block.cidr)
    const isGone = block.affinity === null && isEmpty(block)
    this.#blocks.set(key.text, isGone ? { kind: 'absent' } : { kind: 'block', block })
    this.#changedBlocks.set(key.text, block.cidr)
  }

  /** Removes the block at `cidr` with the claim of `owner` on it: only for one that is empty. */
  deleteBlock(cidr: Cidr, owner: Owner): void {
    const key = blockKey(cidr)
    this.#blocks.set(key.text, { kind: 'absent' })
    this.#changedBlocks.set(key.text, cidr)
    this.dropAffinity(owner, cidr)
  }

  /** The claim of `owner` on the block at `cidr`; undefined when there is none, or none that can be read. */
  affinity(owner: Owner, cidr: Cidr): Affinity | undefined {
    const lookup = this.view.get(affinityKey(owner, cidr))
    return lookup.kind === 'value' ? lookup.value : undefined
  }

  /** Sees to it that the claim of `owner` on the block at `cidr` is confirmed. */
  confirmAffinity(owner: Owner, cidr: Cidr): void {
    if (this.affinity(owner, cidr)?.state === 'confirmed') return
    this.#write(put(affinityKey(owner, cidr), confirmedAffinity))
  }

  /** Removes the claim of `owner` on the block at `cidr`, if there is one. */
  dropAffinity(owner: Owner, cidr: Cidr): void {
    const key = affinityKey(owner, cidr)
    if (this.view.get(key).kind !== 'absent') this.#write(remove(key))
  }

  /** Counts `count` more addresses of `handle` in `block`. A handle is taken to be new until the commit says otherwise. */
  addToHandle(handle: string, block: Cidr, count: number): void {
    const stored = this.#handle(handle, true)
    // An unreadable handle is left alone: it is an index, and the block is the truth.
    if (stored.kind !== 'unreadable') this.#setHandle(handle, addToHandle(stored.value, formatCidr(block), count))
  }

  /**
   * After a release: sets what `handle` counts in the block to what is really held there, which heals counts that others left too
   * high. @see calico-ipam.md section 4
   */
  setHandleCount(handle: string, cidrText: string, count: number): void {
    const stored = this.#handle(handle, false)
    if (stored.kind === 'known' && stored.value !== undefined) {
      this.#setHandle(handle, setHandleCount(stored.value, cidrText, count))
    }
  }

  /** Every change, one write per key. */
  writes(): readonly Write[] {
    const blocks = [...this.#changedBlocks].map(([text, cidr]): Write => {
      const found = this.#blocks.get(text)
      return found?.kind === 'block' ? put(blockKey(cidr), found.block) : remove(blockKey(cidr))
    })
    return [...blocks, ...this.#others.values()]
  }

  #handle(
    handle: string,
    assumeAbsent: boolean,
  ): { readonly kind: 'known'; readonly value: Handle | undefined } | { readonly kind: 'unreadable' } {
    const key = handleKey(handle)
    if (this.#handles.has(key.text)) return { kind: 'known', value: this.#handles.get(key.text) }
    const lookup = this.view.get(key, { assumeAbsent })
    if (lookup.kind === 'unreadable') return { kind: 'unreadable' }
    return { kind: 'known', value: lookup.kind === 'value' ? lookup.value : undefined }
  }

  #setHandle(handle: string, value: Handle | undefined): void {
    const key = handleKey(handle)
    this.#handles.set(key.text, value)
    this.#write(value === undefined ? remove(key) : put(key, value))
  }

  #write(write: Write): void {
    this.#others.set(write.key.text, write)
  }
}

/** The text of `owner` as a block's `affinity` has it; null for nobody. */
export function affinityText(owner: Owner | undefined): string | null {
  return owner === undefined ? null : formatOwner(owner)
}

/** For `view.prefetch`: the keys of blocks. */
export function blockKeys(cidrs: Iterable<Cidr>): readonly Key<unknown>[] {
  return [...cidrs].map((cidr) => blockKey(cidr))
}
