import type { Block } from '../../model/index.ts'

/** Counts the holders of the addresses of some blocks: the handles, and the nodes that the holder attributes name. */
export class HolderCount {
  #addresses = 0
  readonly #handles = new Set<string>()
  readonly #nodes = new Set<string>()

  /** Counts the addresses of a block. Addresses that cool down have no holder. */
  add(block: Block): void {
    for (const index of block.allocations) {
      const attribute = index === null ? undefined : block.attributes?.[index]
      if (attribute === undefined || attribute.releasedAt !== undefined) continue
      this.#addresses++
      if (attribute.handle !== undefined) this.#handles.add(attribute.handle)
      const node = attribute.active?.['node']
      if (node !== undefined) this.#nodes.add(node)
    }
  }

  /**
   * Says in a sentence how many addresses are held, by how many handles and on how many nodes. It names no handle: some readers may see the
   * pool, but not its handles.
   */
  print(): string {
    const held = `${count(this.#addresses, 'address is', 'addresses are')} in use`
    const handles = this.#handles.size === 0 ? '' : `, by ${count(this.#handles.size, 'handle', 'handles')}`
    const nodes = this.#nodes.size === 0 ? '' : `, on ${count(this.#nodes.size, 'node', 'nodes')}`
    return `${held}${handles}${nodes}.`
  }
}

function count(number: number, one: string, more: string): string {
  return number === 1 ? `1 ${one}` : `${number === 0 ? 'no' : number} ${more}`
}
