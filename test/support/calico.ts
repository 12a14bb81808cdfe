import {
  addToHandle,
  affinityKey,
  affinityPrefix,
  assignAutomatically,
  blockKey,
  blocks,
  collectGarbage,
  formatAffinity,
  handleKey,
  handles,
  isBlockEmpty,
  newBlock,
  type Now,
  type AffinityHost,
  parseAffinityKey,
  releaseOrdinalsOfHandle,
  sequenceNumberOf,
  setHandleCount,
} from '../../src/model/index.ts'
import {
  type Address,
  addressAt,
  blockAt,
  blockCount,
  type Cidr,
  covers,
  formatAddress,
  formatCidr,
  mustParseCidr,
  prefixLength,
} from '../../src/net/index.ts'
import type { Family } from '../../src/plan/index.ts'
import type { EtcdKeys } from './etcd-keys.ts'

/** A pool as far as addresses are concerned. */
export interface CalicoPool {
  readonly cidr: string
  readonly blockSize: number
}

/** The addresses that a host believes to hold. */
export interface CalicoAllocation {
  readonly address: string
  /** A CIDR. */
  readonly block: string
  readonly handle: string
  readonly sequenceNumber: string
}

/**
 * A host that allocates as Calico's own client does: one key at a time, each by a write that compares the key's revision, in
 * the order of docs/calico/formats.md section 2.3, and with whatever that leaves behind when a write is lost.
 */
export class CalicoHost {
  readonly #keys: EtcdKeys
  readonly #host: AffinityHost

  constructor(keys: EtcdKeys, host: string) {
    this.#keys = keys
    this.#host = { type: 'host', name: host }
  }

  /** Takes one address for `handle`: from a block of its own, a new one, or another's. Undefined when there is none. */
  async assign(pool: CalicoPool, handle: string): Promise<CalicoAllocation | undefined> {
    const own = (await this.#ownBlocks(pool)).map((cidr) => () => this.#assignFrom(cidr, handle))
    const vacant = () => this.#claimVacant(pool, handle)
    const borrowed = cidrsOf(pool).map((cidr) => () => this.#assignFrom(cidr, handle))
    for (const attempt of [...own, vacant, ...borrowed]) {
      const allocation = await attempt()
      if (allocation !== undefined) return allocation
    }
    return undefined
  }

  /** Gives back what `handle` holds in a block: the block first, then the handle. */
  async release({ block: text, handle }: Pick<CalicoAllocation, 'block' | 'handle'>): Promise<readonly Address[]> {
    const cidr = mustParseCidr(text)
    for (;;) {
      const { value: block, revision } = await this.#read(blocks, blockKey(cidr).text)
      if (block === undefined) return []
      const released = releaseOrdinalsOfHandle(collectGarbage(block, now(), 0), handle, now(), 0)
      if (released.ordinals.length === 0) return []
      const isGone = isBlockEmpty(released.block) && released.block.affinity === null
      const text = isGone ? undefined : blocks.encode(released.block)
      if (!(await this.#keys.change(blockKey(cidr).text, revision, text))) continue
      await this.#count(handle, cidr, -released.ordinals.length)
      return released.ordinals.map((ordinal) => addressAt(cidr, ordinal))
    }
  }

  /** The blocks of the pool that this host has a claim on. */
  async #ownBlocks(pool: CalicoPool): Promise<readonly Cidr[]> {
    const claims = await this.#keys.dump(affinityPrefix(this.#host, mustParseCidr(pool.cidr).family))
    return Object.keys(claims)
      .flatMap((key) => parseAffinityKey(key)?.cidr ?? [])
      .filter((cidr) => covers(mustParseCidr(pool.cidr), cidr))
  }

  async #claimVacant(pool: CalicoPool, handle: string): Promise<CalicoAllocation | undefined> {
    const stored = await this.#keys.dump(blocks.prefix)
    for (const cidr of cidrsOf(pool)) {
      if (stored[blockKey(cidr).text] !== undefined) continue
      const claim = affinityKey(this.#host, cidr).text
      await this.#keys.change(claim, '0', '{"state":"pending","deleted":false}')
      await this.#keys.change(blockKey(cidr).text, '0', blocks.encode(newBlock(cidr, this.#host, now())))
      const { value: block } = await this.#read(blocks, blockKey(cidr).text)
      if (block?.affinity !== formatAffinity(this.#host)) {
        await this.#keys.delete(claim)
        continue
      }
      await this.#keys.put(claim, '{"state":"confirmed","deleted":false}')
      const allocation = await this.#assignFrom(cidr, handle)
      if (allocation !== undefined) return allocation
    }
    return undefined
  }

  /** The handle first, then the block. After a lost race, decreases the handle's count again. */
  async #assignFrom(cidr: Cidr, handle: string): Promise<CalicoAllocation | undefined> {
    for (;;) {
      const { value: block, revision } = await this.#read(blocks, blockKey(cidr).text)
      if (block === undefined || block.unallocated.length === 0) return undefined
      const holder = { handle, attributes: { node: this.#host.name } }
      const { block: after, ordinals } = assignAutomatically(collectGarbage(block, now(), 0), 1, () => false, holder)
      const [ordinal] = ordinals
      if (ordinal === undefined) return undefined
      await this.#count(handle, cidr, 1)
      if (await this.#keys.change(blockKey(cidr).text, revision, blocks.encode(after))) {
        const address = formatAddress(addressAt(cidr, ordinal))
        return { address, block: formatCidr(cidr), handle, sequenceNumber: String(sequenceNumberOf(after, ordinal)) }
      }
      await this.#count(handle, cidr, -1)
    }
  }

  async #count(handleId: string, cidr: Cidr, change: number): Promise<void> {
    const key = handleKey(handleId).text
    for (;;) {
      const { value: handle, revision } = await this.#read(handles, key)
      if (handle === undefined && change < 0) return
      const count = (handle?.blocks.get(formatCidr(cidr)) ?? 0) + change
      const after =
        change > 0 ? addToHandle(handle, formatCidr(cidr), change) : setHandleCount(handle, formatCidr(cidr), count)
      if (await this.#keys.change(key, revision, after && handles.encode(after))) return
    }
  }

  /** The value of a key and its revision; '0' if there is none. Throws if it cannot be read. */
  async #read<Value>(
    family: Family<Value>,
    key: string,
  ): Promise<{ readonly value: Value | undefined; readonly revision: string }> {
    const stored = await this.#keys.get(key)
    if (stored === undefined) return { value: undefined, revision: '0' }
    const decoded = family.decode(key, stored.text)
    if (!decoded.ok) throw new Error(`${key}: ${decoded.problem}`)
    return { value: decoded.value, revision: stored.revision }
  }
}

/** Every block that a pool can have. */
function cidrsOf(pool: CalicoPool): readonly Cidr[] {
  const cidr = mustParseCidr(pool.cidr)
  const size = prefixLength(cidr.family, pool.blockSize)
  if (size === undefined) throw new Error(`a pool cannot have blocks of size ${pool.blockSize}`)
  return Array.from({ length: Number(blockCount(cidr, size)) }, (_, index) => blockAt(cidr, size, BigInt(index)))
}

function now(): Now {
  return { nanoseconds: BigInt(Date.now()) * 1_000_000n }
}
