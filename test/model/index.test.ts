import t from 'tap'
import { mustParseCidr } from '../../src/net/index.ts'
import { type Family, type Key, put } from '../../src/plan/index.ts'
import * as model from '../../src/model/index.ts'

const cidr = mustParseCidr('10.10.0.8/29')
const host = { type: 'host', name: 'node1' } as const
const virtual = { type: 'virtual', name: 'load-balancer' } as const

t.test('the datastore can hold every family', (t) => {
  const families: readonly Family<unknown>[] = [
    model.accessPolicies,
    model.builtInMarks,
    model.affinities,
    model.virtualAffinities,
    model.blocks,
    model.clusterInformations,
    model.handles,
    model.ipamConfigs,
    model.nodes,
    model.pools,
    model.reservations,
  ]
  for (const family of families) {
    const others = families.filter((other) => other !== family)
    t.notOk(
      others.some((other) => other.prefix.startsWith(family.prefix) || other.name === family.name),
      `${family.name} has a name and a prefix of its own`,
    )
  }
  t.end()
})

t.test('the datastore can write every key', (t) => {
  const key: Key<model.Handle> = model.handleKey('a')
  t.equal(put(key, model.addToHandle(undefined, '10.10.0.8/29', 1)).key, key)
  const block = model.newBlock(cidr, host, { nanoseconds: 0n })
  const writes = [
    put(model.blockKey(cidr), block),
    put(model.affinityKey(host, cidr), model.confirmedAffinity),
    put(model.affinityKey(virtual, cidr), model.confirmedAffinity),
    put(model.ipamConfigKey, model.defaultIpamConfig),
  ]
  for (const write of writes) {
    t.ok(write.kind === 'put' && write.key.family.decode(write.key.text, write.encode()).ok, write.key.text)
  }
  t.end()
})
