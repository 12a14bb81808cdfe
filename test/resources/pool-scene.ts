import {
  affinityKey,
  assignAutomatically,
  type Block,
  BlockIndex,
  blockKey,
  blocks,
  confirmedAffinity,
  type Json,
  newBlock,
  type Now,
  type AffinityHost,
  type Pool,
  poolKey,
} from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'
import type { Step } from '../../src/plan/index.ts'
import { planTermination, type Termination } from '../../src/resources/index.ts'
import { planPoolRemoval } from '../../src/resources/kinds/ippool-termination.ts'
import { FakeView } from '../support/fake-view.ts'
import { context, mustPool } from './fixtures.ts'

export const now: Now = { nanoseconds: 1_795_406_400_123_456_789n }
export const node1: AffinityHost = { type: 'host', name: 'node1' }
export const balancer: AffinityHost = { type: 'virtual', name: 'load-balancer' }
export const poolText = poolKey('pool-a').text

/** A datastore with a pool 10.10.0.0/24 of blocks of eight, and the index of blocks that is kept beside it. */
export class Scene extends FakeView {
  /** The index of the blocks that are stored now. */
  get blocks(): BlockIndex {
    const index = new BlockIndex()
    for (const key of this.keys(blocks.prefix)) index.changed(key, this.get({ family: blocks, text: key }))
    return index
  }

  constructor(metadata: Readonly<Record<string, Json>> = {}) {
    super()
    this.put(poolKey('pool-a'), mustPool({ blockSize: 29 }, metadata))
  }

  get pool(): Pool {
    const lookup = this.get(poolKey('pool-a'))
    if (lookup.kind !== 'value') throw new Error('the pool is gone')
    return lookup.value
  }

  /** What is stored of a block. */
  stored(cidr: string): Block {
    const lookup = this.get(blockKey(mustParseCidr(cidr)))
    if (lookup.kind !== 'value') throw new Error(`there is no block ${cidr}`)
    return lookup.value
  }

  /** A block with so many addresses in use, and, unless it has none, its owner's claim. */
  block(cidr: string, host: AffinityHost | null, used = 0, claimed: AffinityHost | null = host): Block {
    const { block } = assignAutomatically(newBlock(mustParseCidr(cidr), host, now), used, () => false, { handle: 'h' })
    this.put(blockKey(block.cidr), block)
    if (claimed !== null) this.claim(claimed, cidr)
    return block
  }

  claim(host: AffinityHost, cidr: string): void {
    this.put(affinityKey(host, mustParseCidr(cidr)), confirmedAffinity)
  }

  /** Begins to delete the pool. */
  delete(): string {
    const removal = planPoolRemoval(this, this.pool, this.blocks, context)
    this.apply({ answer: undefined, writes: removal.writes })
    return removal.kind
  }

  /** Where the next step begins. */
  #position = ''

  /** Makes the next step, at a time of its own. */
  step(at: Now = now): Step<Termination> {
    const { blocks } = this
    this.reads.clear()
    const step = this.apply(planTermination(this, 'pool-a', this.#position, blocks, { now: at }))
    this.#position = step.next ?? ''
    return step
  }

  /** Makes steps until they change nothing, and gives their number. */
  finish(at: Now = now): number {
    for (let steps = 0; steps < 100; steps++) {
      const { answer, next } = this.step(at)
      if (next === undefined && !answer.isGone) return steps
    }
    throw new Error('there is no end to it')
  }
}

const pathOf = (cidr: string): string => cidr.replace('/', '-')
/** The key of a block. */
export const block = (cidr: string): string => `/calico/ipam/v2/assignment/ipv4/block/${pathOf(cidr)}`
/** The key of a claim. */
export const claim = (host: AffinityHost, cidr: string): string =>
  `/calico/ipam/v2/${host.type}/${host.name}/ipv4/block/${pathOf(cidr)}`
