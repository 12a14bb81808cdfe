import type { CheckSource, EntriesOptions } from '../../src/ipam/check/terms.ts'
import { check, type Finding, type RepairAnswer, planRepair, readCheckTerms } from '../../src/ipam/index.ts'
import {
  addToHandle,
  affinities,
  assignAutomatically,
  type Block,
  blocks,
  confirmedAffinity,
  handleKey,
  handles,
  newBlock,
} from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'
import type { Family, Key, Listed } from '../../src/plan/index.ts'
import { endpoint, keyOfBlock, keyOfClaim, keyOfEndpoint, resource, type StoredHolder } from './corruption.ts'
import { FakeView } from './fake-view.ts'

/** The moment at which everything is checked: 2026-11-23T04:00:00Z. */
export const now = { nanoseconds: 1_795_406_400_000_000_000n }

/** Stored data, and a check of it. Keys are given without the prefix of their family. */
export class CheckWorld {
  readonly view = new FakeView()

  /** The pool `pool-a`, 10.0.0.0/24 in blocks of 8 addresses. */
  constructor() {
    this.putResource('IPPool', 'ippools', 'pool-a', { cidr: '10.0.0.0/24', blockSize: 29 })
  }

  /** The stored data, in pages of two. */
  get source(): CheckSource {
    const { view } = this
    return {
      async *entries<Value>(family: Family<Value>, { after = '' }: EntriesOptions = {}) {
        const left = view.list(family, 'hint').filter(({ key }) => key > after)
        for (let at = 0; at < left.length; at += 2) yield await Promise.resolve(left.slice(at, at + 2))
      },
      entry<Value>(key: Key<Value>): Promise<Listed<Value> | undefined> {
        const lookup = view.get(key)
        return Promise.resolve(lookup.kind === 'absent' ? undefined : { key: key.text, ...lookup })
      },
    }
  }

  putResource(kind: string, plural: string, name: string, spec: object): void {
    this.view.putText(`/calico/resources/v3/projectcalico.org/${plural}/${name}`, resource(kind, name, spec))
  }

  putNode(name: string, spec: object = {}): void {
    this.putResource('Node', 'nodes', name, spec)
  }

  /** A workload endpoint in the namespace `shop`. */
  putEndpoint(name: string, ...addresses: readonly string[]): void {
    this.view.putText(keyOfEndpoint(name), endpoint(name, 'node-1', addresses))
  }

  /** Stores a block of `node-1` with its claim, one address for each of the handles, which are stored too. */
  putBlock(cidr: string, ...holders: readonly string[]): Block {
    return this.putHeldBlock(
      cidr,
      holders.map((handle) => ({ handle, attributes: { node: 'node-1' } })),
    )
  }

  /** The same for holders with attributes of their own. */
  putHeldBlock(cidr: string, holders: readonly StoredHolder[]): Block {
    let block = newBlock(mustParseCidr(cidr), { type: 'host', name: 'node-1' }, now)
    for (const holder of holders) {
      const { handle } = holder
      block = assignAutomatically(block, 1, () => false, holder).block
      const key = handleKey(handle)
      const stored = this.view.get(key)
      this.view.put(key, addToHandle(stored.kind === 'value' ? stored.value : undefined, cidr, 1))
    }
    this.view.putText(keyOfBlock(cidr), blocks.encode(block))
    this.view.putText(keyOfClaim('node-1', cidr), affinities.encode(confirmedAffinity))
    return block
  }

  /** Changes the stored text of a block. Throws when nothing is changed by it. */
  changeBlock(cidr: string, ...replacements: readonly (readonly [before: string, after: string])[]): void {
    const key = keyOfBlock(cidr)
    let text = this.view.text(key) ?? ''
    for (const [before, after] of replacements) {
      if (!text.includes(before)) throw new Error(`${before} is not in ${text}`)
      text = text.replace(before, after)
    }
    this.view.putText(key, text)
  }

  putHandle(id: string, blockCounts: Readonly<Record<string, number>>): void {
    this.view.putText(`${handles.prefix}${id}`, JSON.stringify({ block: blockCounts, deleted: false }))
  }

  async findings(windowSize = 1_000): Promise<readonly Finding[]> {
    const found: Finding[] = []
    for await (const one of check(this.source, await readCheckTerms(this.source, now), { windowSize })) found.push(one)
    return found
  }

  /** The findings: code, last parts of the key, subject. */
  async summary(windowSize = 1_000): Promise<readonly string[]> {
    const found = await this.findings(windowSize)
    return found.map(({ code, key, subject }) => [code, key.split('/').slice(-1), subject ?? []].flat().join(' '))
  }

  repair(found: Finding): RepairAnswer {
    return this.view.apply(planRepair(this.view, found, now))
  }

  /** The only finding there is. Throws when there are more, or none. */
  async only(): Promise<Finding> {
    const [found, ...others] = await this.findings()
    if (found === undefined || others.length > 0) throw new Error(JSON.stringify(await this.summary()))
    return found
  }
}
