import { addressesOf, configKey, type Labels, nodeKeyOf } from './cluster.ts'

/** The holder of an address. */
export interface NaiveHolder {
  readonly handle: string
  /** Everything that is kept of it, the node included. */
  readonly attributes: Readonly<Record<string, string>>
}

/** A block, address by address. */
export interface NaiveBlock {
  affinity: string | null
  /** Unix milliseconds. */
  claimedAt: number | undefined
  /** The holder of each ordinal. */
  readonly holders: (NaiveHolder | undefined)[]
  readonly queue: number[]
  number: bigint
  readonly numbers: Map<number, bigint>
}

/** The configuration as the rules need it. */
export interface NaiveConfig {
  readonly isStrict: boolean
  readonly isAutomatic: boolean
  readonly maxBlocks: number
}

interface StoredBlock {
  readonly affinity: string | null
  readonly affinity_claim_time?: string
  readonly allocations: readonly (number | null)[]
  readonly unallocated: readonly number[]
  readonly attributes: readonly { readonly handle_id?: string; readonly secondary?: Record<string, string> }[] | null
  readonly sequenceNumber: string
  readonly sequenceNumberForAllocation: Readonly<Record<string, string>>
}

const ipam = '/calico/ipam/v2/'
const noConfig: NaiveConfig = { isStrict: false, isAutomatic: true, maxBlocks: 0 }

/** The data in etcd, read without any of the code under test. */
export class NaiveState {
  readonly nodes = new Map<string, Labels>()
  /** By CIDR. */
  readonly blocks = new Map<string, NaiveBlock>()
  /** The texts of the claims, by `<node> <cidr>`. */
  readonly claims = new Map<string, string>()
  readonly handles = new Map<string, ReadonlyMap<string, number>>()
  config = noConfig

  /** Everything that is stored under these keys. */
  static of(keys: Readonly<Record<string, string>>): NaiveState {
    const state = new NaiveState()
    for (const [key, text] of Object.entries(keys)) state.apply(key, text)
    return state
  }

  /** Takes over a change of one key; undefined: it is deleted. */
  apply(key: string, text: string | undefined): void {
    const block = /^\/calico\/ipam\/v2\/assignment\/ipv[46]\/block\/(.+)-(\d+)$/.exec(key)
    const claim = /^\/calico\/ipam\/v2\/host\/([^/]+)\/ipv[46]\/block\/(.+)-(\d+)$/.exec(key)
    if (block !== null) setOrDelete(this.blocks, `${block[1]}/${block[2]}`, text && blockIn(text))
    else if (claim !== null) setOrDelete(this.claims, `${claim[1]} ${claim[2]}/${claim[3]}`, text)
    else if (key.startsWith(`${ipam}handle/`)) {
      setOrDelete(this.handles, key.slice(`${ipam}handle/`.length), text && countsIn(text))
    } else if (key.startsWith(nodeKeyOf(''))) {
      setOrDelete(this.nodes, key.slice(nodeKeyOf('').length), text && labelsIn(text))
    } else if (key === configKey) this.config = text === undefined ? noConfig : configIn(text)
  }

  /** A state of its own that begins as this one. */
  copy(): NaiveState {
    const copy = new NaiveState()
    for (const [node, labels] of this.nodes) copy.nodes.set(node, labels)
    for (const [cidr, block] of this.blocks) {
      const { holders, queue, numbers } = block
      copy.blocks.set(cidr, { ...block, holders: [...holders], queue: [...queue], numbers: new Map(numbers) })
    }
    for (const [name, text] of this.claims) copy.claims.set(name, text)
    for (const [handle, counts] of this.handles) copy.handles.set(handle, counts)
    copy.config = this.config
    return copy
  }

  /** The blocks that a node claims, in the order of their keys. */
  claimsOf(node: string): readonly string[] {
    const cidrs = [...this.claims.keys()]
      .filter((name) => name.startsWith(`${node} `))
      .map((name) => name.slice(node.length + 1))
    const dashed = (cidr: string): string => cidr.replace('/', '-')
    return cidrs.sort((one, other) => (dashed(one) < dashed(other) ? -1 : 1))
  }

  /** The handle of each address. */
  holders(): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (const [cidr, { holders }] of this.blocks) {
      const addresses = addressesOf(cidr)
      for (const [place, holder] of holders.entries()) {
        if (holder !== undefined) found.set(addresses[place] ?? '', holder.handle)
      }
    }
    return found
  }

  /** The allocation data as plain values, to be compared. Of claim times only whether there is one. */
  plain(): Readonly<Record<string, unknown>> {
    const blocks = sorted(this.blocks).map(([cidr, { claimedAt, numbers, number, ...rest }]) => {
      const hasClaimTime = claimedAt !== undefined
      return [cidr, { ...rest, hasClaimTime, number: String(number), numbers: sorted(numbers).map(String) }] as const
    })
    const handles = sorted(this.handles).map(
      ([handle, counts]) => [handle, Object.fromEntries(sorted(counts))] as const,
    )
    return {
      blocks: Object.fromEntries(blocks),
      claims: Object.fromEntries(sorted(this.claims)),
      handles: Object.fromEntries(handles),
    }
  }
}

function sorted<Key extends string | number, Value>(map: ReadonlyMap<Key, Value>): readonly (readonly [Key, Value])[] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1))
}

function setOrDelete<Value>(map: Map<string, Value>, key: string, value: Value | '' | undefined): void {
  if (value === undefined || value === '') map.delete(key)
  else map.set(key, value)
}

function blockIn(text: string): NaiveBlock {
  // Numbers beyond 2^53 are read as texts.
  const stored = JSON.parse(text.replace(/:(\d{16,})/g, ':"$1"')) as StoredBlock
  const { affinity, affinity_claim_time: claimTime, attributes } = stored
  const numbers = Object.entries(stored.sequenceNumberForAllocation)
  return {
    affinity,
    claimedAt: claimTime === undefined ? undefined : Date.parse(claimTime),
    holders: stored.allocations.map((index) => {
      const entry = index === null ? undefined : attributes?.[index]
      return entry && { handle: entry.handle_id ?? '', attributes: entry.secondary ?? {} }
    }),
    queue: [...stored.unallocated],
    number: BigInt(stored.sequenceNumber),
    numbers: new Map(numbers.map(([place, number]) => [Number(place), BigInt(number)])),
  }
}

function countsIn(text: string): ReadonlyMap<string, number> {
  return new Map(Object.entries((JSON.parse(text) as { readonly block: Record<string, number> }).block))
}

function labelsIn(text: string): Labels {
  return (JSON.parse(text) as { readonly metadata: { readonly labels?: Labels } }).metadata.labels ?? {}
}

function configIn(text: string): NaiveConfig {
  const stored = JSON.parse(text) as {
    readonly strict_affinity?: boolean
    readonly auto_allocate_blocks?: boolean
    readonly maxBlocksPerHost?: number
  }
  return {
    isStrict: stored.strict_affinity ?? false,
    isAutomatic: stored.auto_allocate_blocks ?? false,
    maxBlocks: stored.maxBlocksPerHost ?? 0,
  }
}
