import type { Store } from '../datastore/index.ts'
import { isAnyStale } from '../ipam/index.ts'
import {
  type BlockIndex,
  blocks as blockFamily,
  chargedBlockKey,
  type ChargeIndex,
  charges as chargeFamily,
  parseBlockKey,
} from '../model/index.ts'
import type { Cidr } from '../net/index.ts'

/** Blocks looked at in one read. */
const blocksAtOnce = 100

/**
 * Finds blocks with charges for addresses that are no longer held, because another program than ippoold released them. Looks only at blocks
 * that have changed since the last complete search.
 */
export class StaleCharges {
  readonly #blocks: BlockIndex
  readonly #charges: ChargeIndex
  /** The changes of the index that were looked at; undefined before the first look. */
  #seen: number | undefined

  constructor(blocks: BlockIndex, charges: ChargeIndex) {
    this.#blocks = blocks
    this.#charges = charges
  }

  /** Looks at all blocks the next time: another server may have looked in between, or none. */
  reset(): void {
    this.#seen = undefined
  }

  /** Finds the blocks, as of now. The caller deals with each before it asks for the next. */
  async *find(store: Pick<Store, 'page'>): AsyncGenerator<Cidr, void> {
    const { changes } = this.#blocks
    const left = this.#due()
    while (left.length > 0) yield* await findAmong(store, left.splice(0, blocksAtOnce))
    this.#seen = changes
  }

  /** The keys of the charges to look at, in order. */
  #due(): string[] {
    const changed = this.#seen === undefined ? undefined : this.#blocks.changedSince(this.#seen)
    const isChanged = changed && new Set(changed)
    return [...this.#charges.keys()].filter((key) => isChanged?.has(chargedBlockKey(key)) !== false).sort()
  }
}

async function findAmong(store: Pick<Store, 'page'>, keys: readonly string[]): Promise<readonly Cidr[]> {
  const charged = await store.page(chargeFamily, { keys })
  const blockKeys = charged.entries.map(({ key }) => chargedBlockKey(key))
  if (blockKeys.length === 0) return []
  const stored = await store.page(blockFamily, { keys: blockKeys, revision: charged.revision, isDecodedOnce: true })
  const byKey = new Map(stored.entries.map((entry) => [entry.key, entry]))
  return charged.entries.flatMap((entry) => {
    const key = chargedBlockKey(entry.key)
    const block = byKey.get(key)
    if (entry.kind !== 'value' || block?.kind === 'unreadable' || !isAnyStale(entry.value, block?.value)) return []
    return parseBlockKey(key) ?? []
  })
}
