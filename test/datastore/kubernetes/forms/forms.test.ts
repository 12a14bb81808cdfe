import fc from 'fast-check'
import t from 'tap'
import { type CalicoGroup, formsIn, type ObjectForm } from '../../../../src/datastore/kubernetes/forms/index.ts'
import {
  affinities,
  affinityKey,
  annexes,
  annexKey,
  assignAutomatically,
  type Block,
  BlockIndex,
  blockKey,
  blocks,
  clusterInformationKey,
  clusterInformations,
  handleKey,
  handles,
  ipamConfigKey,
  ipamConfigs,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  newBlock,
  nodeKey,
  nodes,
  parseJson,
  poolKey,
  pools,
  reservationKey,
  reservations,
  stringifyJson,
  virtualAffinities,
  workloadEndpoints,
} from '../../../../src/model/index.ts'
import { mustParseCidr } from '../../../../src/net/index.ts'
import type { Family } from '../../../../src/plan/index.ts'

const podHandle = `k8s-pod-network.${'0123456789abcdef'.repeat(4)}`

/** An object as the API server answers it: the members sorted by their names, every digit kept. */
function fromServer(text: string): JsonObject {
  const parsed = parseJson(text)
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error('no object')
  return parsed.value
}

function sorted(json: Json): Json {
  if (isJsonArray(json)) return json.map(sorted)
  if (!isJsonObject(json)) return json
  const members = Object.entries(json).map(([name, value]): [string, Json] => [name, sorted(value)])
  return jsonObject(members.sort(([one], [other]) => (one < other ? -1 : 1)))
}

function formOf(group: CalicoGroup, family: Family<unknown>): ObjectForm {
  const form = formsIn(group, 'ippoold')(family)
  if (form === undefined) throw new Error(`${family.name} has no form`)
  return form
}

function inOrder(text: string | undefined): string {
  return stringifyJson(sorted(fromServer(text ?? '{}')))
}

interface Row {
  readonly name: string
  readonly group: CalicoGroup
  readonly family: Family<unknown>
  readonly key: string
  /** The value as etcd has it. */
  readonly text: string
  /** The object as Calico's own code writes it. */
  readonly object: string
  /** The object that ippoold writes for the text, where it is another one than Calico's; null: it is only read. */
  readonly written?: string | null
}

const blockText =
  '{"cidr":"10.0.0.8/29","affinity":"host:node-1","affinity_claim_time":"2026-11-29T12:47:26Z",' +
  '"allocations":[0,1,1,2,null,null,3,null],"unallocated":[4,5,7],"attributes":[' +
  `{"handle_id":"${podHandle}","secondary":{"namespace":"default","node":"node-1","pod":"web-0"}},` +
  '{"handle_id":"vm-42","secondary":{"node":"node-1"},"alternateOwnerAttrs":{"node":"node-2"}},{},' +
  '{"releasedAt":"2026-11-29T12:47:29Z"}],"sequenceNumber":1795956446349439608,"sequenceNumberForAllocation":' +
  '{"0":1795956446349439605,"1":1795956446349439606,"2":1795956446349439606,"3":1795956446349439607},"deleted":false}'

const blockSpec =
  '{"affinity":"host:node-1","affinityClaimTime":"2026-11-29T12:47:26Z","allocations":[0,1,1,2,null,null,3,null],' +
  `"attributes":[{"handle_id":"${podHandle}","secondary":{"namespace":"default","node":"node-1","pod":"web-0"}},` +
  '{"alternateOwnerAttrs":{"node":"node-2"},"handle_id":"vm-42","secondary":{"node":"node-1"}},{},' +
  '{"releasedAt":"2026-11-29T12:47:29Z"}],"cidr":"10.0.0.8/29","deleted":false,' +
  '"sequenceNumber":1795956446349439608,"sequenceNumberForAllocation":' +
  '{"0":1795956446349439605,"1":1795956446349439606,"2":1795956446349439606,"3":1795956446349439607},' +
  '"strictAffinity":false,"unallocated":[4,5,7]}'

const affinityLabelsText =
  '{"projectcalico.org/affinity-type":"host",' +
  '"projectcalico.org/hostname-hash":"A3XPYDATRKB7Q4SM2O5FN4RXIHBFIL2PITFX26BAIP5XAB2X74CA",' +
  '"projectcalico.org/ip-version":"4"}'

const packedEmpty = '"annotations":{"projectcalico.org/metadata":"{}"}'

const rows: readonly Row[] = [
  {
    name: 'a block',
    group: 'v1',
    family: blocks,
    key: blockKey(mustParseCidr('10.0.0.8/29')).text,
    text: blockText,
    object: `{"apiVersion":"crd.projectcalico.org/v1","kind":"IPAMBlock","metadata":{${packedEmpty},"name":"10-0-0-8-29"},"spec":${blockSpec}}`,
  },
  {
    name: 'a block',
    group: 'v3',
    family: blocks,
    key: blockKey(mustParseCidr('10.0.0.8/29')).text,
    text: blockText,
    object: `{"apiVersion":"projectcalico.org/v3","kind":"IPAMBlock","metadata":{"name":"10-0-0-8-29"},"spec":${blockSpec}}`,
  },
  {
    name: 'a block of nobody',
    group: 'v3',
    family: blocks,
    key: blockKey(mustParseCidr('fd00:10::40/127')).text,
    text: '{"cidr":"fd00:10::40/127","affinity":null,"allocations":[null,null],"unallocated":[0,1],"attributes":[],"sequenceNumber":7,"sequenceNumberForAllocation":{},"deleted":false}',
    object:
      '{"apiVersion":"projectcalico.org/v3","kind":"IPAMBlock","metadata":{"name":"fd00-10--40-127"},"spec":{"allocations":[null,null],"attributes":[],"cidr":"fd00:10::40/127","deleted":false,"sequenceNumber":7,"sequenceNumberForAllocation":{},"strictAffinity":false,"unallocated":[0,1]}}',
  },
  {
    name: 'the affinity of a node',
    group: 'v1',
    family: affinities,
    key: affinityKey({ type: 'host', name: 'node-1' }, mustParseCidr('10.0.0.128/26')).text,
    text: '{"state":"confirmed","deleted":false}',
    object: `{"apiVersion":"crd.projectcalico.org/v1","kind":"BlockAffinity","metadata":{"annotations":{"projectcalico.org/metadata":${JSON.stringify(`{"labels":${affinityLabelsText}}`)}},"labels":${affinityLabelsText},"name":"node-1-10-0-0-128-26"},"spec":{"cidr":"10.0.0.128/26","deleted":"false","node":"node-1","state":"confirmed","type":"host"}}`,
  },
  {
    name: 'the affinity of a node',
    group: 'v3',
    family: affinities,
    key: affinityKey({ type: 'host', name: 'node-1' }, mustParseCidr('10.0.0.128/26')).text,
    text: '{"state":"pending","deleted":false}',
    object: `{"apiVersion":"projectcalico.org/v3","kind":"BlockAffinity","metadata":{"labels":${affinityLabelsText},"name":"node-1-10-0-0-128-26"},"spec":{"cidr":"10.0.0.128/26","deleted":false,"node":"node-1","state":"pending","type":"host"}}`,
  },
  {
    name: 'the affinity of the load balancers',
    group: 'v3',
    family: virtualAffinities,
    key: affinityKey({ type: 'virtual', name: 'load-balancer' }, mustParseCidr('fd00::/122')).text,
    text: '{"state":"confirmed","deleted":false}',
    object: `{"apiVersion":"projectcalico.org/v3","kind":"BlockAffinity","metadata":{"labels":{"projectcalico.org/affinity-type":"virtual","projectcalico.org/hostname-hash":"HASH","projectcalico.org/ip-version":"6"},"name":"load-balancer-fd00---122"},"spec":{"cidr":"fd00::/122","deleted":false,"node":"load-balancer","state":"confirmed","type":"virtual"}}`,
  },
  {
    name: 'a handle',
    group: 'v1',
    family: handles,
    key: handleKey(podHandle).text,
    text: '{"block":{"10.0.0.128/26":1,"fd00:10::94fa:7820:5b81:7500/122":1},"deleted":false}',
    object: `{"apiVersion":"crd.projectcalico.org/v1","kind":"IPAMHandle","metadata":{${packedEmpty},"name":"${podHandle}"},"spec":{"block":{"10.0.0.128/26":1,"fd00:10::94fa:7820:5b81:7500/122":1},"deleted":false,"handleID":"${podHandle}"}}`,
  },
  {
    name: 'a handle with capitals',
    group: 'v3',
    family: handles,
    key: handleKey('Foo').text,
    text: '{"block":{"10.0.0.128/26":2},"deleted":false}',
    object:
      '{"apiVersion":"projectcalico.org/v3","kind":"IPAMHandle","metadata":{"name":"foo"},"spec":{"block":{"10.0.0.128/26":2},"deleted":false,"handleID":"Foo"}}',
  },
  {
    name: 'the configuration',
    group: 'v1',
    family: ipamConfigs,
    key: ipamConfigKey.text,
    text: '{"auto_allocate_blocks":true,"ipCooldownSeconds":30}',
    object: `{"apiVersion":"crd.projectcalico.org/v1","kind":"IPAMConfig","metadata":{${packedEmpty},"name":"default"},"spec":{"autoAllocateBlocks":true,"ipCooldownSeconds":30,"strictAffinity":false}}`,
  },
  {
    name: 'the configuration',
    group: 'v3',
    family: ipamConfigs,
    key: ipamConfigKey.text,
    text: '{"strict_affinity":true,"maxBlocksPerHost":4,"kubeVirtVMAddressPersistence":"Disabled"}',
    object:
      '{"apiVersion":"projectcalico.org/v3","kind":"IPAMConfiguration","metadata":{"name":"default"},"spec":{"autoAllocateBlocks":false,"kubeVirtVMAddressPersistence":"Disabled","maxBlocksPerHost":4,"strictAffinity":true}}',
  },
  {
    name: 'a pool',
    group: 'v1',
    family: pools,
    key: poolKey('pool-a').text,
    text: '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-a","uid":"d294944d-921b-4827-af75-a0a887c5be1b","creationTimestamp":"2026-11-29T12:47:24Z","labels":{"team":"blue"},"annotations":{"note":"n1"}},"spec":{"cidr":"10.0.0.0/24","blockSize":26}}',
    object: `{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool","metadata":{"annotations":{"projectcalico.org/metadata":${JSON.stringify('{"creationTimestamp":"2026-11-29T12:47:24Z","labels":{"team":"blue"},"annotations":{"note":"n1"}}')}},"creationTimestamp":"2026-11-29T12:47:24Z","generation":1,"name":"pool-a","resourceVersion":"284","uid":"4b2929b2-49d8-48e4-afae-0515e1a37dd8"},"spec":{"blockSize":26,"cidr":"10.0.0.0/24"}}`,
  },
  {
    name: 'a pool with a status',
    group: 'v3',
    family: pools,
    key: poolKey('pool-a').text,
    text: '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-a","uid":"4b2929b2-49d8-48e4-afae-0515e1a37dd8"},"spec":{"cidr":"10.0.0.0/24"},"status":{"conditions":[{"type":"Allocatable","status":"True"}]}}',
    object:
      '{"apiVersion":"projectcalico.org/v3","kind":"IPPool","metadata":{"generation":1,"name":"pool-a","resourceVersion":"284","uid":"4b2929b2-49d8-48e4-afae-0515e1a37dd8"},"spec":{"cidr":"10.0.0.0/24"},"status":{"conditions":[{"status":"True","type":"Allocatable"}]}}',
  },
  {
    name: 'a reservation',
    group: 'v1',
    family: reservations,
    key: reservationKey('resv-a').text,
    text: '{"kind":"IPReservation","apiVersion":"projectcalico.org/v3","metadata":{"name":"resv-a","creationTimestamp":"2026-11-29T12:47:24Z"},"spec":{"reservedCIDRs":["10.0.0.32/30"]}}',
    object: `{"apiVersion":"crd.projectcalico.org/v1","kind":"IPReservation","metadata":{"annotations":{"projectcalico.org/metadata":${JSON.stringify('{"creationTimestamp":"2026-11-29T12:47:24Z"}')}},"name":"resv-a"},"spec":{"reservedCIDRs":["10.0.0.32/30"]}}`,
  },
  {
    name: 'cluster information',
    group: 'v1',
    family: clusterInformations,
    key: clusterInformationKey.text,
    text: '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"calicoVersion":"v3.33.0-lab","clusterGUID":"bf49","clusterType":"k8s,kdd","datastoreReady":true}}',
    object: `{"apiVersion":"crd.projectcalico.org/v1","kind":"ClusterInformation","metadata":{${packedEmpty},"name":"default"},"spec":{"calicoVersion":"v3.33.0-lab","clusterGUID":"bf49","clusterType":"k8s,kdd","datastoreReady":true}}`,
  },
  {
    name: 'a node',
    group: 'v1',
    family: nodes,
    key: nodeKey('node-1').text,
    text: '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"node-1","uid":"u","annotations":{"projectcalico.org/IPv4Address":"192.0.2.11/24","projectcalico.org/IPv4IPIPTunnelAddr":"10.10.0.12","projectcalico.org/IPv4WireguardInterfaceAddr":"10.10.0.13","projectcalico.org/IPv6VXLANTunnelAddr":"fd00::1","projectcalico.org/labels":"{\\"rack\\":\\"7\\",\\"zone\\":\\"b\\"}"},"labels":{"zone":"b","hostname":"node-1","rack":"7"}},"spec":{"bgp":{"ipv4Address":"192.0.2.11/24","ipv4IPIPTunnelAddr":"10.10.0.12"},"ipv6VXLANTunnelAddr":"fd00::1","orchRefs":[{"nodeName":"node-1","orchestrator":"k8s"}],"wireguard":{"interfaceIPv4Address":"10.10.0.13"}},"status":{}}',
    object:
      '{"apiVersion":"v1","kind":"Node","metadata":{"annotations":{"projectcalico.org/IPv4Address":"192.0.2.11/24","projectcalico.org/IPv4IPIPTunnelAddr":"10.10.0.12","projectcalico.org/IPv4WireguardInterfaceAddr":"10.10.0.13","projectcalico.org/IPv6VXLANTunnelAddr":"fd00::1","projectcalico.org/labels":"{\\"rack\\":\\"7\\",\\"zone\\":\\"b\\"}"},"labels":{"hostname":"node-1","zone":"a"},"name":"node-1","resourceVersion":"3","uid":"u"},"spec":{}}',
    written: null,
  },
  {
    name: 'a pod',
    group: 'v1',
    family: workloadEndpoints,
    key: `${workloadEndpoints.prefix}default/node--1-k8s-web--0-eth0`,
    text: '{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"node--1-k8s-web--0-eth0","namespace":"default","uid":"u"},"spec":{"orchestrator":"k8s","node":"node-1","containerID":"c1","pod":"web-0","endpoint":"eth0","ipNetworks":["10.0.0.5/32","fd00::5/128"]}}',
    object:
      '{"apiVersion":"v1","kind":"Pod","metadata":{"annotations":{"cni.projectcalico.org/containerID":"c1","cni.projectcalico.org/podIP":"10.0.0.5/32","cni.projectcalico.org/podIPs":"10.0.0.5/32,fd00::5/128"},"name":"web-0","namespace":"default","uid":"u"},"spec":{"nodeName":"node-1"},"status":{"phase":"Running","podIPs":[{"ip":"10.0.0.9"}]}}',
    written: null,
  },
  {
    name: 'a record',
    group: 'v1',
    family: annexes,
    key: annexKey('ippools', 'pool-a').text,
    text: '{"uid":"u","generation":1,"spec":{},"metadata":{}}',
    object: `{"apiVersion":"v1","data":{"key":"/ippoold/v1/annexes/ippools/pool-a","value":${JSON.stringify('{"uid":"u","generation":1,"spec":{},"metadata":{}}')}},"kind":"ConfigMap","metadata":{"labels":{"ippoold.io/record":"annexes"},"name":"ippoold-annexes-HASH","namespace":"ippoold"}}`,
  },
]

t.test('an object is read as the value that etcd would have', (t) => {
  for (const { name, group, family, key, text, object } of rows) {
    t.test(`${name} of ${group}`, (t) => {
      const form = formOf(group, family)
      const named = form.nameOf(key)
      if (!named.ok) throw new Error(named.problem)
      const entry = form.read(fromServer(withHashes(object, named.name)))
      t.strictSame([entry?.key, entry?.isDeleted], [key, false])
      // The order of members matters for blocks only: they are read without parsing if it is Go's.
      if (family === blocks) t.equal(entry?.text, text)
      else t.equal(inOrder(entry?.text), inOrder(text))
      const decoded = family.decode(key, text)
      t.ok(decoded.ok, decoded.ok ? '' : decoded.problem)
      t.end()
    })
  }
  t.end()
})

t.test('a new value is written as the object that Calico would write', (t) => {
  for (const { name, group, family, key, text, object, written = object } of rows) {
    t.test(`${name} of ${group}`, (t) => {
      const form = formOf(group, family)
      const named = form.nameOf(key)
      if (!named.ok) throw new Error(named.problem)
      if (written === null) t.equal(form.write, undefined, 'is only read')
      else {
        const sent = form.write?.(key, text, undefined)
        t.equal(stringifyJson(sorted(sent ?? null)), stringifyJson(sorted(asNew(withHashes(written, named.name)))))
      }
      t.end()
    })
  }
  t.end()
})

/** Fills in the hashes that names and labels have; other tests have them digit by digit. */
function withHashes(object: string, name: string): string {
  return object
    .replace('ippoold-annexes-HASH', name)
    .replace('"HASH"', '"TAU2RK2F2FG7MIS72DPZYC6FJ3U3BIWIDZAMUTQY7ZXMSKQZ5GSQ"')
}

/** The object without what the server adds, and without its status. */
function asNew(text: string): JsonObject {
  const object = fromServer(text)
  const { status: _, metadata, ...rest } = object
  if (!isJsonObject(metadata)) return object
  const { uid: _uid, resourceVersion: _version, generation: _generation, creationTimestamp: _time, ...given } = metadata
  return jsonObject([...Object.entries(rest), ['metadata', given]])
}

t.test('a changed value keeps what others have put on the object', (t) => {
  const form = formOf('v1', handles)
  const stored = fromServer(
    '{"metadata":{"name":"h","uid":"u","resourceVersion":"7","labels":{"a":"b"},"annotations":{"c":"d","projectcalico.org/metadata":"{}"},"finalizers":["f"],"managedFields":[]},"spec":{"handleID":"h","block":{"10.0.0.0/26":1},"deleted":false}}',
  )
  const sent = form.write?.(handleKey('h').text, '{"block":{"10.0.0.0/26":2},"deleted":false,"newer":1}', stored)
  t.strictSame(
    JSON.parse(stringifyJson(sent ?? null)),
    JSON.parse(
      '{"apiVersion":"crd.projectcalico.org/v1","kind":"IPAMHandle","metadata":{"name":"h","uid":"u","resourceVersion":"7","finalizers":["f"],"labels":{"a":"b"},"annotations":{"c":"d","projectcalico.org/metadata":"{}"}},"spec":{"newer":1,"handleID":"h","block":{"10.0.0.0/26":2},"deleted":false}}',
    ),
  )
  t.end()
})

t.test('what a writer has marked as deleted is told', (t) => {
  const deleted: readonly (readonly [CalicoGroup, Family<unknown>, string])[] = [
    ['v1', blocks, '{"metadata":{"name":"10-0-0-8-29"},"spec":{"cidr":"10.0.0.8/29","deleted":true}}'],
    [
      'v1',
      affinities,
      '{"metadata":{"name":"n-10-0-0-8-29"},"spec":{"cidr":"10.0.0.8/29","node":"n","deleted":"true"}}',
    ],
    ['v3', affinities, '{"metadata":{"name":"n-10-0-0-8-29"},"spec":{"cidr":"10.0.0.8/29","node":"n","deleted":true}}'],
    ['v1', handles, '{"metadata":{"name":"h"},"spec":{"handleID":"h","deleted":true}}'],
  ]
  for (const [group, family, object] of deleted) {
    t.equal(formOf(group, family).read(fromServer(object))?.isDeleted, true)
    const present = object.replace('"deleted":true', '"deleted":false').replace('"true"', '"false"')
    t.equal(formOf(group, family).read(fromServer(present))?.isDeleted, false)
  }
  t.end()
})

t.test('an object that shares its name with another key belongs to the key that it names', (t) => {
  const handle = formOf('v1', handles).read(
    fromServer('{"metadata":{"name":"foo"},"spec":{"handleID":"Foo","block":{},"deleted":false}}'),
  )
  t.equal(handle?.key, handleKey('Foo').text)
  t.strictSame(formOf('v1', handles).nameOf(handleKey('foo').text), { ok: true, name: 'foo' })
  const affinity = formOf('v3', affinities).read(
    fromServer(
      '{"metadata":{"name":"load-balancer-10-0-0-8-29"},"spec":{"cidr":"10.0.0.8/29","node":"load-balancer","type":"virtual","state":"confirmed","deleted":false}}',
    ),
  )
  t.equal(affinity?.key, affinityKey({ type: 'virtual', name: 'load-balancer' }, mustParseCidr('10.0.0.8/29')).text)
  t.end()
})

t.test('old affinities without a type are of nodes', (t) => {
  const entry = formOf('v1', affinities).read(
    fromServer(
      '{"metadata":{"name":"n-10-0-0-8-29"},"spec":{"cidr":"10.0.0.8/29","node":"n","state":"","deleted":"false"}}',
    ),
  )
  t.equal(entry?.key, affinityKey({ type: 'host', name: 'n' }, mustParseCidr('10.0.0.8/29')).text)
  t.end()
})

t.test('objects that no key has are not of the family', (t) => {
  const strangers: readonly (readonly [Family<unknown>, string])[] = [
    [blocks, '{"metadata":{"name":"default"},"spec":{}}'],
    [affinities, '{"metadata":{"name":"n-10-0-0-8-29"},"spec":{"cidr":"10.0.0.16/29","node":"n"}}'],
    [affinities, '{"metadata":{"name":"n"},"spec":{"node":"n"}}'],
    [ipamConfigs, '{"metadata":{"name":"other"},"spec":{}}'],
    [annexes, '{"metadata":{"name":"ippoold-annexes-00"},"data":{"key":"/ippoold/v1/annexes/a/b","value":"{}"}}'],
    [workloadEndpoints, '{"metadata":{"name":"p","namespace":"d"},"spec":{}}'],
    [workloadEndpoints, '{"metadata":{"name":"p","namespace":"d"},"spec":{"nodeName":"n","hostNetwork":true}}'],
  ]
  for (const [family, object] of strangers) t.equal(formOf('v1', family).read(fromServer(object)), undefined)
  t.end()
})

t.test('the addresses of a pod are those that Calico has noted, until it empties them', (t) => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'both',
      '{"annotations":{"cni.projectcalico.org/podIP":"10.0.0.1/32","cni.projectcalico.org/podIPs":"10.0.0.1/32,fd00::1/128"}}',
      ['10.0.0.1/32', 'fd00::1/128'],
    ],
    ['the first', '{"annotations":{"cni.projectcalico.org/podIP":"10.0.0.1/32"}}', ['10.0.0.1/32']],
    ['emptied', '{"annotations":{"cni.projectcalico.org/podIP":"","cni.projectcalico.org/podIPs":""}}', []],
    ['not noted', '{}', ['10.0.0.9']],
  ]
  for (const [name, metadata, addresses] of cases) {
    const object = fromServer(
      `{"metadata":${metadata.replace(/^\{/, '{"name":"p","namespace":"d"').replace('d""', 'd","')},"spec":{"nodeName":"n"},"status":{"podIPs":[{"ip":"10.0.0.9"}]}}`,
    )
    const entry = formOf('v1', workloadEndpoints).read(object)
    t.match(JSON.parse(entry?.text ?? '{}'), { spec: { ipNetworks: addresses } }, name)
  }
  const ended = fromServer(
    '{"metadata":{"name":"p","namespace":"d"},"spec":{"nodeName":"n"},"status":{"phase":"Succeeded","podIPs":[{"ip":"10.0.0.9"}]}}',
  )
  t.match(formOf('v1', workloadEndpoints).read(ended)?.text, /"ipNetworks":\[\]/, 'a pod that has ended has none')
  t.end()
})

t.test('every block comes back from its object, digit by digit', (t) => {
  const cidr = mustParseCidr('10.0.0.64/27')
  const changes = fc.array(
    fc.record({ count: fc.integer({ min: 1, max: 5 }), handle: fc.constantFrom('a', 'b', undefined) }),
  )
  const grown = fc.tuple(fc.bigInt(0n, 2n ** 63n - 1_000n), changes).map(([sequenceNumber, steps]): Block => {
    let block = { ...newBlock(cidr, { type: 'host', name: 'node-1' }, { nanoseconds: 0n }), sequenceNumber }
    for (const { count, handle } of steps) {
      block = assignAutomatically(block, count, () => false, { handle, attributes: { node: 'n' } }).block
    }
    return block
  })
  for (const group of ['v1', 'v3'] as const) {
    const form = formOf(group, blocks)
    const { text: key } = blockKey(cidr)
    t.doesNotThrow(() => {
      fc.assert(
        fc.property(grown, (block) => {
          const text = blocks.encode(block)
          const sent = form.write?.(key, text, undefined) ?? null
          const entry = form.read(fromServer(stringifyJson(sorted(sent))))
          const decoded = entry === undefined ? undefined : blocks.decode(key, entry.text)
          const want = block.attributes === null ? text.replace('"attributes":null', '"attributes":[]') : text
          const isOutlined = new BlockIndex().changedText(key, entry?.text ?? '')
          return entry?.key === key && decoded?.ok === true && blocks.encode(decoded.value) === want && isOutlined
        }),
      )
    })
  }
  t.end()
})
