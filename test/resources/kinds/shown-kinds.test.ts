import t from 'tap'
import { blockKey, clusterInformationKey, handleKey, newBlock } from '../../../src/model/index.ts'
import { planRead, printTable, type ServedKind, showObject, type StoredObject } from '../../../src/resources/index.ts'
import { clusterinformationKind } from '../../../src/resources/kinds/clusterinformation.ts'
import { ipamblockKind } from '../../../src/resources/kinds/ipamblock.ts'
import { ipamhandleKind } from '../../../src/resources/kinds/ipamhandle.ts'
import { CidrSet, mustParseCidr } from '../../../src/net/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { context, granted } from '../fixtures.ts'

const terms = { reserved: CidrSet.of([]), cooledBefore: 0n }

function namesIn(view: FakeView, kind: ServedKind<StoredObject>): readonly string[] {
  return kind.storage.families.flatMap((family) =>
    view.list(family, 'hint').map((entry) => (entry.kind === 'value' ? entry.value.name : entry.problem)),
  )
}

function cellsOf(kind: ServedKind<StoredObject>, value: StoredObject): unknown {
  const options = { version: 'v1', includeObject: 'None', now: context.now, terms } as const
  return printTable(kind, showObject(kind, value, 1n), options)['rows']
}

t.test('a block is shown as Calico shows it on Kubernetes, to the last digit', (t) => {
  const view = new FakeView()
  const stored = (cidr: string, affinity: string): string =>
    `{"cidr":"${cidr}","affinity":${affinity},"affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,null,1,null],"unallocated":[3,1],"attributes":[{"handle_id":"vm-1","secondary":{"node":"n"}},{"handle_id":"x","releasedAt":"2026-11-23T04:00:00Z"}],"sequenceNumber":1795406400123456791,"sequenceNumberForAllocation":{"0":1795406400123456790},"deleted":false,"newer":7}`
  view.putText(blockKey(mustParseCidr('10.1.0.0/30')).text, stored('10.1.0.0/30', '"host:node-1"'))
  view.putText(blockKey(mustParseCidr('fd00::8/126')).text, stored('fd00::8/126', 'null'))
  view.putText(blockKey(mustParseCidr('10.1.0.4/30')).text, '{')

  const { value } = granted(planRead(view, ipamblockKind, '10-1-0-0-30'))
  t.match(
    JSON.stringify(value.object, (_, json: unknown) => (typeof json === 'bigint' ? String(json) : json)),
    '"newer":7',
  )
  t.match(value.object, {
    kind: 'IPAMBlock',
    metadata: { name: '10-1-0-0-30' },
    spec: {
      cidr: '10.1.0.0/30',
      affinity: 'host:node-1',
      affinityClaimTime: '2026-11-23T04:00:00Z',
      allocations: [0, null, 1, null],
      attributes: [{ handle_id: 'vm-1', secondary: { node: 'n' } }, { releasedAt: String }],
    },
  })
  t.match(cellsOf(ipamblockKind, value), [
    { cells: ['10-1-0-0-30', '10.1.0.0/30', 'host:node-1', '1', '2', '2026-11-23T04:00:00Z'] },
  ])
  t.match(granted(planRead(view, ipamblockKind, 'fd00--8-126')).value.object, { spec: { cidr: 'fd00::8/126' } })
  t.strictSame(namesIn(view, ipamblockKind).slice(0, 1), ['10-1-0-0-30'])
  t.ok(namesIn(view, ipamblockKind).includes('fd00--8-126'))
  t.match(planRead(view, ipamblockKind, '10-1-0-4-30').answer, { refusal: { reason: 'InternalError' } })
  for (const name of ['10-1-0-8-30', '10-1-0-0-29', '10.1.0.0-30', '10-1-0-1-30', 'x', ''])
    t.match(planRead(view, ipamblockKind, name).answer, { refusal: { reason: 'NotFound' } }, name)
  t.end()
})

t.test('a handle is shown under its id, with its blocks', (t) => {
  const view = new FakeView()
  view.putText(handleKey('net.VM 1').text, '{"block":{"10.1.0.0/30":2,"10.1.0.4/30":1},"deleted":false}')
  const { value } = granted(planRead(view, ipamhandleKind, 'net.VM 1'))
  t.match(value.object, {
    kind: 'IPAMHandle',
    metadata: { name: 'net.VM 1' },
    spec: { handleID: 'net.VM 1', block: { '10.1.0.0/30': 2, '10.1.0.4/30': 1 }, deleted: false },
  })
  t.match(cellsOf(ipamhandleKind, value), [{ cells: ['net.VM 1', '3', '10.1.0.0/30,10.1.0.4/30'] }])
  t.strictSame(namesIn(view, ipamhandleKind), ['net.VM 1'])
  for (const name of ['net.vm 1', 'a/b', ''])
    t.match(planRead(view, ipamhandleKind, name).answer, { refusal: { reason: 'NotFound' } })
  t.end()
})

t.test('the cluster information is shown as it is stored', (t) => {
  const view = new FakeView()
  view.putText(
    clusterInformationKey.text,
    '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"u","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"clusterGUID":"g","clusterType":"k8s,bgp","calicoVersion":"v3.32.0","datastoreReady":true}}',
  )
  const { value } = granted(planRead(view, clusterinformationKind, 'default'))
  t.match(value.object, { metadata: { uid: 'u' }, spec: { clusterGUID: 'g', datastoreReady: true } })
  t.match(cellsOf(clusterinformationKind, value), [{ cells: ['default', 'v3.32.0', true, 'k8s,bgp'] }])
  t.match(planRead(view, clusterinformationKind, 'other').answer, { refusal: { reason: 'NotFound' } })
  t.end()
})

t.test('the examples are objects that can be read by their names', (t) => {
  for (const kind of [ipamblockKind, ipamhandleKind, clusterinformationKind]) {
    const parsed = kind.parse(kind.example)
    t.match(parsed, { ok: true, value: { object: kind.example } }, kind.kind)
    t.strictSame(kind.withDefaults({ a: 1 }), { a: 1 })
  }
  t.end()
})

t.test('a block that nobody has used yet has no holders', (t) => {
  const view = new FakeView()
  const cidr = mustParseCidr('10.1.0.0/30')
  view.put(blockKey(cidr), newBlock(cidr, { type: 'host', name: 'node-1' }, context.now))
  const { value } = granted(planRead(view, ipamblockKind, '10-1-0-0-30'))
  t.match(value.object, { spec: { attributes: [] } })
  t.match(cellsOf(ipamblockKind, value), [{ cells: ['10-1-0-0-30', '10.1.0.0/30', 'host:node-1', '0', '4'] }])
  t.end()
})

t.test('an object without a spec, such as a bookmark, has a row too', (t) => {
  const bare = { name: 'a', object: { metadata: { name: 'a' }, spec: {} } }
  t.match(cellsOf(ipamblockKind, bare), [{ cells: ['a', '<none>', '<none>', '0', '0', '<none>'] }])
  t.match(cellsOf(ipamhandleKind, bare), [{ cells: ['a', '0', ''] }])
  const odd = { name: 'a', object: { metadata: {}, spec: { allocations: [0], block: { a: 'x' } } } }
  t.match(cellsOf(ipamblockKind, odd), [{ cells: ['', '<none>', '<none>', '0', '0', '<none>'] }])
  t.match(cellsOf(ipamhandleKind, odd), [{ cells: ['', '0', 'a'] }])
  t.end()
})
