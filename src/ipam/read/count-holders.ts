import type { Block } from '../../model/index.ts'

/** Counts who holds the addresses of some blocks: by handle, and by the node that the holder attributes name. */
export class HolderCount {
  #addresses = 0
  readonly #byHandle = new Map<string, number>()
  readonly #byNode = new Map<string, number>()

  /** Counts the addresses of a block. Addresses that cool down have no holder. */
  add(block: Block): void {
    for (const index of block.allocations) {
      const attribute = index === null ? undefined : block.attributes?.[index]
      if (attribute === undefined || attribute.releasedAt !== undefined) continue
      this.#addresses++
      increase(this.#byHandle, attribute.handle)
      increase(this.#byNode, attribute.active?.['node'])
    }
  }

  /** Says in a sentence how many addresses are held, and who holds most of them. */
  print(): string {
    const { size } = this.#byHandle
    const held = `${count(this.#addresses, 'address is', 'addresses are')} in use`
    if (size === 0) return `${held}.`
    const nodes =
      this.#byNode.size === 0 ? '' : `; on ${count(this.#byNode.size, 'node', 'nodes')}: ${first(this.#byNode)}`
    return `${held}, by ${count(size, 'handle', 'handles')}: ${first(this.#byHandle)}${nodes}.`
  }
}

/** The number of holders that are named. */
const namedMax = 3

function increase(counts: Map<string, number>, name: string | undefined): void {
  if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
}

function count(number: number, one: string, more: string): string {
  return number === 1 ? `1 ${one}` : `${number === 0 ? 'no' : number} ${more}`
}

/** The names with the highest counts, equals by name. */
function first(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([name, one], [other, two]) => two - one || (name < other ? -1 : 1))
  const named = sorted.slice(0, namedMax).map(([name, number]) => `${name} (${number})`)
  return [...named, ...(sorted.length > namedMax ? ['and others'] : [])].join(', ')
}
