import t from 'tap'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'
import { type ApiAnswer, type ApiClient } from '../support/kubernetes/api-client.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { createIn, installCalico } from '../support/kubernetes/calico-cluster.ts'
import { type CalicoGroup, calicoGroups, calicoPath, versionOf } from '../support/kubernetes/calico-definitions.ts'

/** The definitions check, default and prune as Calico's do, as far as ippoold has to know: docs/calico/formats.md section 3.7 for pools. */

const skip = skipWithoutKubeApiserver()

/** A case: the spec that is sent, and the spec, or the field and the status of the refusal, that is answered. */
type Row = readonly [spec: object, answer: { readonly spec: object } | { readonly refused: string }]

const block = { cidr: '10.0.0.0/30', allocations: [0, null], unallocated: [1], attributes: [{}], strictAffinity: false }
const numbered = { ...block, sequenceNumber: 1794812345678901234n }
const { attributes: _, ...withoutAttributes } = block
const affinity = { cidr: '10.0.0.0/30', node: 'node-1', state: 'confirmed', type: 'host' }
const pool = { cidr: '10.0.0.0/24' }

const sameInBoth: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  ipamblocks: {
    'a number beyond 2^53 keeps its digits': [numbered, { spec: numbered }],
    'a number beyond 2^63': [{ ...block, sequenceNumber: 2n ** 63n }, { refused: 'spec.sequenceNumber' }],
    'an unknown field is pruned': [{ ...block, secret: 'x' }, { spec: block }],
    'an unknown field of an attribute is pruned': [
      { ...block, attributes: [{ handle_id: 'h', secret: 'x' }] },
      { spec: { ...block, attributes: [{ handle_id: 'h' }] } },
    ],
    'no affinity, said by null': [{ ...block, affinity: null }, { spec: block }],
    'no queue': [{ ...block, unallocated: null }, { refused: 'spec.unallocated' }],
    'no attributes': [withoutAttributes, { refused: 'spec.attributes' }],
    'what newer Calicos store': [
      {
        ...block,
        affinity: 'host:node-1',
        affinityClaimTime: '2026-11-29T12:47:26Z',
        attributes: [{ releasedAt: '2026-11-29T12:47:29Z', alternateOwnerAttrs: { pod: 'p' } }],
      },
      {
        spec: {
          ...block,
          affinity: 'host:node-1',
          affinityClaimTime: '2026-11-29T12:47:26Z',
          attributes: [{ releasedAt: '2026-11-29T12:47:29Z', alternateOwnerAttrs: { pod: 'p' } }],
        },
      },
    ],
  },
  ipamhandles: {
    'a handle': [
      { handleID: 'H_1', block: { '10.0.0.0/30': 1 } },
      { spec: { handleID: 'H_1', block: { '10.0.0.0/30': 1 } } },
    ],
    'no blocks': [{ handleID: 'h' }, { refused: 'spec.block' }],
  },
  ipreservations: {
    'a range': [{ reservedCIDRs: ['10.0.0.32/30'] }, { spec: { reservedCIDRs: ['10.0.0.32/30'] } }],
    'a single address': [{ reservedCIDRs: ['10.0.0.32'] }, { refused: 'spec.reservedCIDRs[0]' }],
    'the same twice': [{ reservedCIDRs: ['10.0.0.0/30', '10.0.0.0/30'] }, { refused: 'spec.reservedCIDRs[1]' }],
  },
  ippools: {
    defaults: [pool, { spec: { ...pool, assignmentMode: 'Automatic', nodeSelector: 'all()' } }],
    'no CIDR': [{}, { refused: 'spec.cidr' }],
    'no CIDR but a text': [{ cidr: 'ten' }, { refused: 'spec.cidr' }],
    'host bits': [{ cidr: '10.0.0.1/24' }, { refused: 'A7' }],
    'IPIP and VXLAN': [{ ...pool, ipipMode: 'Always', vxlanMode: 'Always' }, { refused: 'B7' }],
    'IPIP for load balancers': [{ ...pool, allowedUses: ['LoadBalancer'], ipipMode: 'Always' }, { refused: 'B8' }],
    'load balancers and workloads': [{ ...pool, allowedUses: ['LoadBalancer', 'Workload'] }, { refused: 'B9' }],
    'IPIP for IPv6': [{ cidr: 'fd00::/64', ipipMode: 'Always' }, { refused: 'B10' }],
    'load balancers that are not exported': [
      { ...pool, allowedUses: ['LoadBalancer'], disableBGPExport: true },
      { refused: 'B11' },
    ],
    'load balancers on some nodes': [
      { ...pool, allowedUses: ['LoadBalancer'], nodeSelector: 'x == "y"' },
      { refused: 'B12' },
    ],
    'tunnels of some namespaces': [
      { ...pool, allowedUses: ['Tunnel'], namespaceSelector: 'all()' },
      { refused: 'B13' },
    ],
    'global() for nodes': [{ ...pool, nodeSelector: 'global()' }, { refused: 'B14' }],
    'global() for namespaces': [{ ...pool, namespaceSelector: 'global()' }, { refused: 'B15' }],
    'link-local': [{ cidr: '169.254.1.0/24' }, { refused: 'B16' }],
    'everything, which includes link-local': [{ cidr: '::/0' }, { refused: 'B16' }],
    'blocks too big': [{ cidr: '10.0.0.0/8', blockSize: 19 }, { refused: 'B17' }],
    'blocks of IPv6 too big': [{ cidr: 'fd00::/64', blockSize: 115 }, { refused: 'B17' }],
    'smaller than a block': [{ cidr: '10.0.0.0/27' }, { refused: 'B18' }],
    'smaller than a block, but disabled': [
      { cidr: '10.0.0.0/27', disabled: true },
      { spec: { cidr: '10.0.0.0/27', disabled: true, assignmentMode: 'Automatic', nodeSelector: 'all()' } },
    ],
    'an unknown use': [{ ...pool, allowedUses: ['Any'] }, { refused: 'spec.allowedUses[0]' }],
  },
}

const ofOne: Readonly<Record<CalicoGroup, Readonly<Record<string, Readonly<Record<string, Row>>>>>> = {
  'crd.projectcalico.org': {
    blockaffinities: {
      'deleted is a text': [{ ...affinity, deleted: 'false' }, { spec: { ...affinity, deleted: 'false' } }],
      'deleted is no boolean': [{ ...affinity, deleted: false }, { refused: 'spec.deleted' }],
      'deleted is required': [affinity, { refused: 'spec.deleted' }],
      'any state': [
        { ...affinity, deleted: 'false', state: 'any' },
        { spec: { ...affinity, deleted: 'false', state: 'any' } },
      ],
    },
    ipamconfigs: {
      'nothing by default': [{ strictAffinity: false }, { refused: 'spec.autoAllocateBlocks' }],
      'a cooldown': [
        { autoAllocateBlocks: true, strictAffinity: false, ipCooldownSeconds: 30 },
        { spec: { autoAllocateBlocks: true, strictAffinity: false, ipCooldownSeconds: 30 } },
      ],
    },
    ipamblocks: { 'any affinity': [{ ...block, affinity: 'any' }, { spec: { ...block, affinity: 'any' } }] },
  },
  'projectcalico.org': {
    blockaffinities: {
      'deleted is a boolean, false by default': [affinity, { spec: { ...affinity, deleted: false } }],
      'deleted is no text': [{ ...affinity, deleted: 'false' }, { refused: 'spec.deleted' }],
      'a state of the four': [{ ...affinity, state: 'any' }, { refused: 'spec.state' }],
      'no state': [{ ...affinity, state: '' }, { spec: { ...affinity, state: '', deleted: false } }],
    },
    ipamconfigurations: {
      defaults: [{}, { spec: { autoAllocateBlocks: true, maxBlocksPerHost: 0, strictAffinity: false } }],
      'a cooldown that is too long': [{ ipCooldownSeconds: 1_201 }, { refused: 'spec.ipCooldownSeconds' }],
    },
    ipamblocks: {
      'an affinity of a host': [
        { ...block, affinity: 'virtual:load-balancer' },
        { spec: { ...block, affinity: 'virtual:load-balancer' } },
      ],
      'an affinity of nothing': [{ ...block, affinity: 'any' }, { refused: 'spec.affinity' }],
    },
  },
}

const kinds: Readonly<Record<string, string>> = {
  ipamblocks: 'IPAMBlock',
  ipamhandles: 'IPAMHandle',
  ipreservations: 'IPReservation',
  ippools: 'IPPool',
  blockaffinities: 'BlockAffinity',
  ipamconfigs: 'IPAMConfig',
  ipamconfigurations: 'IPAMConfiguration',
}

t.test('Calico’s definitions', { skip }, async (t) => {
  const { client } = await startApiServer(t)
  for (const group of calicoGroups) await installCalico(client, group)

  for (const group of calicoGroups) {
    for (const [plural, rows] of [...Object.entries(sameInBoth), ...Object.entries(ofOne[group])]) {
      await t.test(`${plural} of ${group}`, async (t) => {
        for (const [name, [spec, expected]] of Object.entries(rows)) {
          const answer = await send(client, group, plural, spec)
          if ('spec' in expected) t.strictSame((answer.body as { spec: object }).spec, expected.spec, name)
          else {
            t.equal(answer.status, 422, name)
            t.match((answer.body as { message: string }).message, expected.refused, name)
          }
        }
      })
    }

    await t.test(`a pool of ${group} cannot move`, async (t) => {
      const path = calicoPath(group, 'ippools', 'lasting')
      await createIn(client, group, 'IPPool', 'lasting', { cidr: '10.1.0.0/24', blockSize: 28 })
      const change = async (spec: object) => {
        return client.request('PATCH', path, { spec }, 'application/merge-patch+json')
      }
      t.match(await change({ cidr: '10.2.0.0/24' }), { status: 422, body: { message: /A3/ } })
      t.match(await change({ blockSize: 29 }), { status: 422, body: { message: /A5/ } })
      t.match(await change({ blockSize: null }), { status: 422, body: { message: /A5/ } })
      t.match(await change({ disabled: true }), { status: 200 })
    })

    await t.test(`the status of a pool of ${group} is written apart from the rest`, async (t) => {
      const path = calicoPath(group, 'ippools', 'lasting')
      const condition = {
        type: 'Allocatable',
        status: 'False',
        reason: 'PoolDisabled',
        message: 'disabled',
        lastTransitionTime: '2026-11-29T12:47:24Z',
      }
      const status = { conditions: [condition] }
      t.strictSame((await client.merge(path, { status })).status, undefined)
      t.strictSame((await client.merge(`${path}/status`, { status, spec: { disabled: false } })).status, status)
      t.equal((await client.get(path)).spec['disabled'], true)
    })

    await t.test(`strict validation of ${group} names what would be pruned`, async (t) => {
      const object = { ...objectOf(group, 'ipamblocks', { ...block, secret: 'x' }), metadata: { name: 'strict' } }
      const answer = await client.request('POST', `${calicoPath(group, 'ipamblocks')}?fieldValidation=Strict`, object)
      t.match(answer, { status: 400, body: { message: /unknown field "spec\.secret"/ } })
    })
  }
})

t.test('an older Calico’s definitions prune what it does not know', { skip }, async (t) => {
  const { client } = await startApiServer(t)
  const group = 'crd.projectcalico.org'
  await installCalico(client, group, 'older')
  const claimed = { ...block, affinity: 'host:node-1' }
  const newer = {
    ...claimed,
    affinityClaimTime: '2026-11-29T12:47:26Z',
    attributes: [{ releasedAt: '2026-11-29T12:47:29Z' }],
  }
  t.match(await send(client, group, 'ipamblocks', newer), {
    status: 201,
    body: { spec: { ...claimed, attributes: [{}] } },
  })
  t.match(await send(client, group, 'ippools', { ...pool, assignmentMode: 'Manual' }), {
    status: 201,
    body: { spec: pool },
  })
})

/** Sends an object to be created, and takes it away again. */
async function send(client: ApiClient, group: CalicoGroup, plural: string, spec: object): Promise<ApiAnswer> {
  const answer = await client.request('POST', calicoPath(group, plural), objectOf(group, plural, spec))
  if (answer.status === 201) await client.delete(calicoPath(group, plural, 'sent'))
  return answer
}

function objectOf(group: CalicoGroup, plural: string, spec: object) {
  return { apiVersion: `${group}/${versionOf(group)}`, kind: kinds[plural], metadata: { name: 'sent' }, spec }
}
