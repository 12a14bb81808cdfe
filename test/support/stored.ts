import { Etcd3 } from 'etcd3'
import {
  affinities,
  attributeOf,
  type Block,
  blocks,
  type Handle,
  handles,
  parseAffinityKey,
  pools,
} from '../../src/model/index.ts'
import { addressAt, formatAddress, formatCidr, ordinal } from '../../src/net/index.ts'

/** The data in etcd, read without the server's code. */
export interface StoredState {
  readonly blocks: ReadonlyMap<string, Block>
  readonly handles: ReadonlyMap<string, Handle>
  /** From the block's CIDR to the node that claims it. */
  readonly claims: ReadonlyMap<string, string>
  /** From an address to the handle that holds it. */
  readonly holders: ReadonlyMap<string, string>
}

/** Everything below `prefix`, as text. */
async function dumpEtcd(endpoint: string, prefix = '/calico/'): Promise<ReadonlyMap<string, string>> {
  const etcd = new Etcd3({ hosts: endpoint, grpcOptions: { 'grpc.max_receive_message_length': -1 } })
  try {
    return new Map(Object.entries(await etcd.getAll().prefix(prefix).strings()))
  } finally {
    etcd.close()
  }
}

/** The allocation data in etcd. Throws when a value cannot be read, or an address lies in two blocks. */
export async function readStoredState(endpoint: string): Promise<StoredState> {
  const state = {
    blocks: new Map<string, Block>(),
    handles: new Map<string, Handle>(),
    claims: new Map<string, string>(),
    holders: new Map<string, string>(),
  }
  for (const [key, text] of await dumpEtcd(endpoint)) {
    if (key.startsWith(blocks.prefix)) {
      const block = decoded(blocks.decode(key, text), key)
      state.blocks.set(formatCidr(block.cidr), block)
      for (const [address, handle] of holdersIn(block)) {
        if (state.holders.has(address)) throw new Error(`${address} lies in two blocks`)
        state.holders.set(address, handle)
      }
    } else if (key.startsWith(handles.prefix)) {
      state.handles.set(key.slice(handles.prefix.length), decoded(handles.decode(key, text), key))
    } else if (key.startsWith(affinities.prefix)) {
      const claim = parseAffinityKey(key)
      if (claim !== undefined) state.claims.set(formatCidr(claim.cidr), claim.host.name)
    } else if (key.startsWith(pools.prefix)) {
      decoded(pools.decode(key, text), key)
    }
  }
  return state
}

/** Contradictions between blocks, handles and affinities. */
export function disagreements(state: StoredState): readonly string[] {
  const found: string[] = []
  const counts = new Map<string, Map<string, number>>()
  for (const [text, block] of state.blocks) {
    const queued = new Set(block.unallocated)
    block.allocations.forEach((index, place) => {
      if ((index === null) !== queued.has(ordinal(place)))
        found.push(`${text}: ordinal ${String(place)} is queued and held, or neither`)
    })
    for (const [, handle] of holdersIn(block)) {
      const ofHandle = counts.get(handle) ?? new Map<string, number>()
      ofHandle.set(text, (ofHandle.get(text) ?? 0) + 1)
      counts.set(handle, ofHandle)
    }
    const claim = state.claims.get(text)
    const affinity = claim === undefined ? null : `host:${claim}`
    if (block.affinity !== affinity)
      found.push(`${text}: affinity ${String(block.affinity)}, but claimed by ${String(affinity)}`)
  }
  for (const cidr of state.claims.keys())
    if (!state.blocks.has(cidr)) found.push(`${cidr}: claimed, but there is no block`)
  for (const [handle, { blocks: counted }] of state.handles) {
    const held = counts.get(handle) ?? new Map<string, number>()
    for (const cidr of new Set([...counted.keys(), ...held.keys()])) {
      if (counted.get(cidr) !== held.get(cidr)) {
        found.push(`handle ${handle}: counts ${String(counted.get(cidr))} in ${cidr}, holds ${String(held.get(cidr))}`)
      }
    }
  }
  for (const handle of counts.keys())
    if (!state.handles.has(handle)) found.push(`handle ${handle} holds addresses, but has no key`)
  return found
}

function holdersIn(block: Block): readonly (readonly [string, string])[] {
  return block.allocations.flatMap((index, place) => {
    const handle = attributeOf(block, ordinal(place))?.handle
    return index === null || handle === undefined
      ? []
      : [[formatAddress(addressAt(block.cidr, ordinal(place))), handle] as const]
  })
}

function decoded<Value>(outcome: { ok: true; value: Value } | { ok: false; problem: string }, key: string): Value {
  if (!outcome.ok) throw new Error(`${key}: ${outcome.problem}`)
  return outcome.value
}
