import t from 'tap'
import { unlimited } from '../../../src/access/index.ts'
import { Image } from '../../../src/datastore/image/index.ts'
import { BusyKeys, type Planned, PlannedBatch } from '../../../src/datastore/planning/index.ts'
import { declare } from '../../../src/datastore/index.ts'
import { planAssign } from '../../../src/ipam/index.ts'
import {
  affinities,
  affinityKey,
  annexes,
  BlockIndex,
  blockKey,
  blocks,
  clusterInformations,
  handles,
  ipamConfigs,
  nodes,
  poolKey,
  pools,
  reservations,
  virtualAffinities,
} from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import type { Plan, View } from '../../../src/plan/index.ts'
import { hasStatusSubresource, planDelete, ippoolKind, resourceKinds } from '../../../src/resources/index.ts'
import { requestOf } from '../../support/ipam-world.ts'
import { context, storedPool } from '../fixtures.ts'

t.test('the kinds that are served', (t) => {
  const kinds = resourceKinds(new BlockIndex())
  t.strictSame(
    kinds.filter(hasStatusSubresource).map(({ kind }) => kind),
    ['IPPool', 'Node'],
  )
  t.strictSame(
    kinds.map(({ kind, plural, singular }) => [kind, plural, singular]),
    [
      ['IPPool', 'ippools', 'ippool'],
      ['IPReservation', 'ipreservations', 'ipreservation'],
      ['IPAMConfiguration', 'ipamconfigurations', 'ipamconfiguration'],
      ['Node', 'nodes', 'node'],
      ['BlockAffinity', 'blockaffinities', 'blockaffinity'],
      ['IPAMBlock', 'ipamblocks', 'ipamblock'],
      ['IPAMHandle', 'ipamhandles', 'ipamhandle'],
      ['ClusterInformation', 'clusterinformations', 'clusterinformation'],
      ['AccessToken', 'accesstokens', 'accesstoken'],
      ['AccessPolicy', 'accesspolicies', 'accesspolicy'],
    ],
  )
  t.end()
})

t.test('a pool does not vanish in the transaction that gives an address of it', (t) => {
  const index = new BlockIndex()
  const image = new Image(
    [
      declare(blocks, index),
      declare(affinities),
      declare(virtualAffinities),
      declare(handles),
      declare(ipamConfigs),
      declare(pools),
      declare(reservations),
      declare(nodes),
      declare(annexes),
      declare(clusterInformations),
    ],
    () => undefined,
  )
  for (const held of image.families()) {
    if (held.family.name === pools.name)
      held.store(poolKey('pool-a').text, { text: storedPool, revision: 1n, asOf: 1n })
    held.completeUpTo(2n)
  }
  const batch = new PlannedBatch(image, new BusyKeys())
  const add = (plan: (view: View) => Plan<unknown>): Planned =>
    batch.add({ plan, isDryRun: false, isFresh: () => true })
  const wish = requestOf({ node: 'node1', addresses: ['10.10.0.9'] })
  t.match(
    add((view) => planAssign(view, wish, { ...context, blocks: index, rights: unlimited })),
    { kind: 'added', answer: { ok: true } },
  )
  const kind = ippoolKind(index)
  t.strictSame(
    add((view) => planDelete(view, kind, 'pool-a', {}, context)),
    { kind: 'full' },
  )
  const cidr = mustParseCidr('10.10.0.8/29')
  for (const key of [blockKey(cidr), affinityKey({ type: 'host', name: 'node1' }, cidr)]) {
    t.match(batch.writes.get(key.text), { kind: 'put' }, key.text)
  }
  t.end()
})
