import type { HeldOnNode, IndexedBlock } from './digest.ts'

/** Finds the blocks in which addresses are held on a node, whichever node the blocks belong to. */
export class BlocksOfNodes {
  readonly #keys = new Map<string, Set<string>>()

  /** Applies a change of a block's digest; undefined where there is no block. */
  changed(key: string, before: IndexedBlock | undefined, after: IndexedBlock | undefined): void {
    for (const { node } of before?.held ?? []) {
      if (node !== undefined && !isHeldOn(node, after?.held)) this.#delete(node, key)
    }
    for (const { node } of after?.held ?? []) {
      if (node === undefined || isHeldOn(node, before?.held)) continue
      const keys = this.#keys.get(node)
      if (keys === undefined) this.#keys.set(node, new Set([key]))
      else keys.add(key)
    }
  }

  /** The nodes on which addresses are held, in no order. */
  get nodes(): Iterable<string> {
    return this.#keys.keys()
  }

  /** The keys of the blocks in which addresses are held on the node, in no order. */
  of(node: string): Iterable<string> {
    return this.#keys.get(node) ?? []
  }

  #delete(node: string, key: string): void {
    const keys = this.#keys.get(node)
    keys?.delete(key)
    // Nodes come and go, and their names may never be used again.
    if (keys?.size === 0) this.#keys.delete(node)
  }
}

function isHeldOn(node: string, held: readonly HeldOnNode[] = []): boolean {
  return held.some((one) => one.node === node)
}
