import {
  addToHandle,
  affinities,
  affinityKey,
  assignAutomatically,
  type Block,
  blockKey,
  blocks,
  confirmedAffinity,
  handleKey,
  handles,
  newBlock,
  nodeKey,
  workloadEndpoints,
} from '../../src/model/index.ts'
import { formatCidr, mustParseCidr } from '../../src/net/index.ts'
import type { EtcdKeys } from './etcd-keys.ts'

/** One thing that is wrong, as it is planted, and what a check is to say of it. */
export interface Planted {
  /** `code key` of every finding. */
  readonly findings: readonly string[]
  /** The keys that its repair changes. */
  readonly changed: readonly string[]
}

/** The stored holder of an address. */
export interface StoredHolder {
  readonly handle: string
  readonly attributes: Readonly<Record<string, string>>
}

/** Blocks, handles and claims of the pool `faulty` (10.61.0.0/20, blocks of 64) and of nowhere, as Calico would have stored them. */
export class Corruption {
  readonly #keys: EtcdKeys
  #blocks = 0

  constructor(keys: EtcdKeys) {
    this.#keys = keys
  }

  /** A block that is all right, whose addresses are held by `holders`, one each. */
  async block(
    ...holders: readonly string[]
  ): Promise<{ readonly cidr: string; readonly block: Block; readonly key: string }> {
    this.#blocks++
    const cidr = `10.61.${String(this.#blocks >> 2)}.${String((this.#blocks & 3) * 64)}/26`
    const block = await this.blockAt(cidr, holders)
    return { cidr, block, key: keyOfBlock(cidr) }
  }

  async blockAt(cidr: string, holders: readonly string[], node = 'node-0'): Promise<Block> {
    return this.blockHeldBy(
      cidr,
      holders.map((handle) => ({ handle, attributes: { node } })),
    )
  }

  async blockHeldBy(cidr: string, holders: readonly StoredHolder[]): Promise<Block> {
    const parsed = mustParseCidr(cidr)
    let block = newBlock(parsed, { type: 'host', name: 'node-0' }, { nanoseconds: 1_795_406_400_000_000_000n })
    for (const holder of holders) {
      const { handle } = holder
      block = assignAutomatically(block, 1, () => false, holder).block
      await this.#keys.put(keyOfHandle(handle), handles.encode(addToHandle(undefined, formatCidr(parsed), 1)))
    }
    await this.#keys.put(keyOfBlock(cidr), blocks.encode(block))
    await this.#keys.put(keyOfClaim('node-0', cidr), affinities.encode(confirmedAffinity))
    return block
  }

  /** Stores a block that is what `change` makes of one that is all right. */
  async changedBlock(
    change: (text: string) => string,
    ...holders: readonly string[]
  ): Promise<{ readonly cidr: string; readonly key: string }> {
    const { cidr, block, key } = await this.block(...holders)
    const before = blocks.encode(block)
    const after = change(before)
    if (after === before) throw new Error(`nothing was changed in ${before}`)
    await this.#keys.put(key, after)
    return { cidr, key }
  }

  /** Every code there is, planted at least once. */
  async plant(): Promise<readonly Planted[]> {
    return [
      ...(await this.#plantUnreadable()),
      ...(await this.#plantSettings()),
      ...(await this.#plantMisplacedBlocks()),
      ...(await this.#plantBlockContents()),
      ...(await this.#plantClaims()),
      ...(await this.#plantHandles()),
      ...(await this.#plantUses()),
    ]
  }

  async #plantUnreadable(): Promise<readonly Planted[]> {
    const broken = await this.changedBlock((text) => text.slice(1), 'f-broken')
    const twice = await this.changedBlock((text) => text.replace('"unallocated":[1,', '"unallocated":[1,1,'), 'f-twice')
    const loose = await this.changedBlock((text) => text.replace('"allocations":[0,', '"allocations":[7,'), 'f-loose')
    const handle = keyOfHandle('f-unreadable')
    const claim = '/calico/ipam/v2/host/node-0/ipv4/block/nonsense'
    await this.#keys.put(handle, '{"block":17}')
    await this.#keys.put(claim, '{}')
    return [broken.key, twice.key, loose.key, handle, claim].map((key) => only('Unreadable', key, []))
  }

  async #plantSettings(): Promise<readonly Planted[]> {
    const config = '/calico/ipam/v2/config'
    await this.#keys.put(config, '{"auto_allocate_blocks":true,"maxBlocksPerHost":500}')
    const overlapping = await this.#putPool('second', { cidr: '10.61.15.0/24', blockSize: 26, disabled: true })
    const selector = await this.#putPool('unselectable', { cidr: '10.63.0.0/24', nodeSelector: 'a =', disabled: true })
    const field = await this.#putPool('unusable', { cidr: '10.64.0.0/24', blockSize: 1e9, disabled: true })
    const reservation = '/calico/resources/v3/projectcalico.org/ipreservations/odd'
    await this.#keys.put(reservation, resource('IPReservation', 'odd', { reservedCIDRs: ['10.61.0.0/33'] }))
    return [
      only('ConfigContradictory', config, []),
      only('PoolsOverlap', overlapping, []),
      only('SelectorInvalid', selector, []),
      only('PoolFieldInvalid', field, []),
      only('ReservationEntryInvalid', reservation, []),
    ]
  }

  async #plantMisplacedBlocks(): Promise<readonly Planted[]> {
    await this.blockAt('10.62.0.0/26', [])
    await this.blockAt('10.62.0.64/26', ['f-outside'])
    await this.blockAt('10.61.14.0/27', [])
    const { cidr } = await this.block('f-below')
    const inner = cidr.replace('/26', '/28')
    await this.blockAt(inner, ['f-above'])
    return [
      only('BlockOutsidePools', keyOfBlock('10.62.0.0/26'), [
        keyOfBlock('10.62.0.0/26'),
        keyOfClaim('node-0', '10.62.0.0/26'),
      ]),
      only('BlockOutsidePools', keyOfBlock('10.62.0.64/26'), []),
      only('BlockSizeWrong', keyOfBlock('10.61.14.0/27'), [
        keyOfBlock('10.61.14.0/27'),
        keyOfClaim('node-0', '10.61.14.0/27'),
      ]),
      {
        findings: ['BlockSizeWrong', 'BlocksOverlap', 'AddressInTwoBlocks'].map(
          (code) => `${code} ${keyOfBlock(inner)}`,
        ),
        changed: [],
      },
    ]
  }

  async #plantBlockContents(): Promise<readonly Planted[]> {
    const queue = await this.changedBlock((text) => text.replace('"unallocated":[1,2,', '"unallocated":[1,'), 'f-queue')
    const unused = await this.changedBlock(
      (text) =>
        text
          .replace('"attributes":[', '"attributes":[{"handle_id":"f-nobody"},')
          .replace('"allocations":[0,', '"allocations":[1,'),
      'f-used',
    )
    const future = await this.changedBlock((text) =>
      text
        .replace('"allocations":[null,', '"allocations":[0,')
        .replace('"unallocated":[0,', '"unallocated":[')
        .replace('"attributes":null', '"attributes":[{"releasedAt":"2099-01-01T00:00:00Z"}]'),
    )
    const ahead = await this.changedBlock((text) => text.replace('{"0":1795', '{"0":1899'), 'f-ahead')
    const owner = await this.changedBlock((text) => text.replace('"host:node-0"', '"nobody"'), 'f-owner')
    await this.#keys.delete(keyOfClaim('node-0', owner.cidr))
    const ownerless = await this.changedBlock((text) =>
      text
        .replace('"allocations":[null,', '"allocations":[0,')
        .replace('"unallocated":[0,', '"unallocated":[')
        .replace('"attributes":null', '"attributes":[{}]'),
    )
    const gone = await this.block()
    await this.blockAt(gone.cidr, ['f-gone-1', 'f-gone-2'], 'node-that-is-gone')
    const named = await this.changedBlock((text) => text.replace('"f-slash"', '"f/slash"'), 'f-slash')
    await this.#keys.delete(keyOfHandle('f-slash'))
    const ofNobody = await this.changedBlock((text) => text.replace('"host:node-0"', 'null'))
    await this.#keys.delete(keyOfClaim('node-0', ofNobody.cidr))
    return [
      ...[
        ['QueueIncomplete', queue.key],
        ['AttributeUnused', unused.key],
        ['ReleasedInFuture', future.key],
        ['SequenceNumberAhead', ahead.key],
        ['BlockOwnerInvalid', owner.key],
        ['BlockOfNobody', ofNobody.key],
      ].map(([code = '', key = '']) => only(code, key, [key])),
      only('OwnerUnknown', ownerless.key, []),
      only('NodeGone', gone.key, []),
      only('HandleNameInvalid', named.key, []),
    ]
  }

  async #plantClaims(): Promise<readonly Planted[]> {
    const missing = keyOfClaim('node-0', (await this.block('f-claimed')).cidr)
    await this.#keys.delete(missing)
    const blockless = keyOfClaim('node-1', '10.61.13.0/26')
    await this.#keys.put(blockless, '{"state":"pending","deleted":false}')
    const other = keyOfClaim('node-1', (await this.block()).cidr)
    await this.#keys.put(other, '{"state":"confirmed","deleted":false}')
    const block = await this.block('f-unfinished')
    const unfinished = keyOfClaim('node-0', block.cidr)
    await this.#keys.put(unfinished, '{"state":"pendingDeletion","deleted":false}')
    return [
      only('AffinityMissing', missing, [missing]),
      only('AffinityWithoutBlock', blockless, [blockless]),
      only('AffinityOfOther', other, [other]),
      only('AffinityUnfinished', unfinished, [unfinished, block.key]),
    ]
  }

  async #plantHandles(): Promise<readonly Planted[]> {
    const keys = ['f-missing', 'f-low', 'f-high', 'f-empty', 'f-blockless'].map(keyOfHandle)
    const [missing = '', low = '', high = '', empty = '', blockless = ''] = keys
    await this.block('f-missing')
    await this.#keys.delete(missing)
    const counted = await this.changedBlock(
      (text) =>
        text.replace('"allocations":[0,null,', '"allocations":[0,0,').replace('"unallocated":[1,', '"unallocated":['),
      'f-low',
    )
    const { cidr } = await this.block('f-high')
    await this.#keys.put(high, counts({ [cidr]: 58 }))
    await this.#keys.put(empty, counts({ [cidr]: 2, [counted.cidr]: 1 }))
    await this.#keys.put(blockless, counts({ '10.61.12.0/26': 1 }))
    return [
      only('HandleMissing', missing, [missing]),
      only('HandleCountTooLow', low, [low]),
      only('HandleCountTooHigh', high, [high]),
      { findings: [`HandleWithoutAddresses ${empty}`, `HandleWithoutAddresses ${empty}`], changed: [empty] },
      only('HandleBlockMissing', blockless, [blockless]),
    ]
  }

  /** Faults in what workloads and tunnels use, beside two addresses that are all right: one in use, and one that was assigned over HTTP. */
  async #plantUses(): Promise<readonly Planted[]> {
    const { cidr } = await this.block('f-used-twice')
    const first = cidr.replace('/26', '')
    await this.#putEndpoint('f-one', first)
    const twice = await this.#putEndpoint('f-two', first)
    const outside = await this.#putEndpoint('f-outside-pools', '192.0.2.1')
    const unassigned = await this.#putEndpoint('f-unassigned', '10.61.11.7')
    const node = keyOfNode('node-with-tunnel')
    await this.#keys.put(node, resource('Node', 'node-with-tunnel', { ipv4VXLANTunnelAddr: '10.61.11.8' }))
    const unused = await this.block()
    await this.blockHeldBy(unused.cidr, [holderOfPod('f-unused', 'a', undefined, 'node-0'), holderOfTunnel('node-2')])
    const right = await this.block()
    const overHttp = { handle: 'f-http', attributes: { node: 'node-0', namespace: 'shop', pod: 'f-http' } }
    await this.blockHeldBy(right.cidr, [holderOfPod('f-used', 'b', undefined, 'node-0'), overHttp])
    await this.#putEndpoint('f-used', right.cidr.replace('/26', ''))
    return [
      only('AddressUsedTwice', twice, []),
      only('AddressOutsidePools', outside, []),
      only('AddressNotAssigned', unassigned, []),
      only('AddressNotAssigned', node, []),
      { findings: [`AddressUnused ${unused.key}`, `AddressUnused ${unused.key}`], changed: [] },
    ]
  }

  async #putEndpoint(name: string, ...addresses: readonly string[]): Promise<string> {
    await this.#keys.put(keyOfEndpoint(name), endpoint(name, 'node-0', addresses))
    return keyOfEndpoint(name)
  }

  async #putPool(name: string, spec: object): Promise<string> {
    const key = `/calico/resources/v3/projectcalico.org/ippools/${name}`
    await this.#keys.put(key, resource('IPPool', name, spec))
    return key
  }
}

/** A stored resource. */
export function resource(kind: string, name: string, spec: object): string {
  const metadata = { name, uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10', creationTimestamp: '2026-11-23T03:59:00Z' }
  return JSON.stringify({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec })
}

/** A stored workload endpoint in the namespace `shop`. */
export function endpoint(name: string, node: string, addresses: readonly string[]): string {
  const metadata = { name, namespace: 'shop', uid: '0f5f0a2e-1111-4f55-9f55-0a7c8a4f8a10' }
  const ipNetworks = addresses.map((address) => `${address}/${address.includes(':') ? '128' : '32'}`)
  const spec = { orchestrator: 'k8s', node, pod: name, endpoint: 'eth0', ipNetworks }
  return JSON.stringify({ kind: 'WorkloadEndpoint', apiVersion: 'projectcalico.org/v3', metadata, spec })
}

function keyOfNode(name: string): string {
  return nodeKey(name).text
}

export function keyOfEndpoint(name: string): string {
  return `${workloadEndpoints.prefix}shop/${name}`
}

/** The holder that Calico's plugin stores for the address of a pod. */
export function holderOfPod(
  pod: string,
  container: string,
  timestamp = '2020-01-01 03:00:00.5 +0000 UTC',
  node = 'node-1',
): StoredHolder {
  return {
    handle: `k8s-pod-network.${container.repeat(64).slice(0, 64)}`,
    attributes: { namespace: 'shop', node, pod, timestamp },
  }
}

/** The holder that Calico stores for the address of a tunnel. */
export function holderOfTunnel(node: string): StoredHolder {
  return { handle: `ipip-tunnel-addr-${node}`, attributes: { node, type: 'ipipTunnelAddress' } }
}

export function keyOfBlock(cidr: string): string {
  return blockKey(mustParseCidr(cidr)).text
}

export function keyOfClaim(node: string, cidr: string): string {
  return affinityKey({ type: 'host', name: node }, mustParseCidr(cidr)).text
}

function keyOfHandle(id: string): string {
  return handleKey(id).text
}

function counts(block: Readonly<Record<string, number>>): string {
  return JSON.stringify({ block, deleted: false })
}

function only(code: string, key: string, changed: readonly string[]): Planted {
  return { findings: [`${code} ${key}`], changed }
}
