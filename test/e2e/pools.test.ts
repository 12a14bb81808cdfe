import t from 'tap'
import type { Answer } from '../support/http-client.ts'
import { withCondition } from '../resources/fixtures.ts'
import { createPool, poolOf, poolsPath, refusalIn, startIppoold } from '../support/ippoold.ts'
import { until } from '../support/until.ts'

/** The sample of Calico's documentation of the IPPool resource, to the letter, the blank at the end included. */
const sample = `apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: my.ippool-1
spec:
  cidr: 10.1.0.0/16
  ipipMode: CrossSubnet
  natOutgoing: true
  disabled: false
  nodeSelector: all()
  allowedUses:
  - Workload
  - Tunnel 
`

const keyOf = (name: string): string => `/calico/resources/v3/projectcalico.org/ippools/${name}`

interface Pool {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly creationTimestamp: string
    readonly resourceVersion: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly spec: Readonly<Record<string, unknown>>
}

/** A block that Calico wrote, at a place where there is no pool. */
const block =
  '{"cidr":"10.200.0.0/28","affinity":"host:node1","allocations":[0,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null],' +
  '"unallocated":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],"attributes":[{"handle_id":"old"}],"sequenceNumber":1795406400123456790,' +
  '"sequenceNumberForAllocation":{"0":1795406400123456789},"deleted":false}'
const stored = {
  '/calico/ipam/v2/assignment/ipv4/block/10.200.0.0-28': block,
  '/calico/ipam/v2/handle/old': '{"block":{"10.200.0.0/28":1},"deleted":false}',
  '/calico/ipam/v2/host/node1/ipv4/block/10.200.0.0-28': '{"state":"confirmed","deleted":false}',
}

const { call, callOther, keys } = await startIppoold(t, { servers: 2, stored })

function poolIn(answer: Answer | undefined): Pool {
  return answer?.body as unknown as Pool
}

t.test('the sample of the documentation is accepted as it is, and stored as Calico would store it', async (t) => {
  const before = Object.keys(await keys.dump('/calico/'))
  const created = await call('POST', poolsPath, sample, 'application/yaml')
  t.equal(created.status, 201)
  t.notOk(created.headers['warning'], 'nothing of it is unknown')
  const { metadata, spec } = poolIn(created)
  t.match(created.body, { apiVersion: 'projectcalico.org/v3', kind: 'IPPool' })
  t.match(metadata, {
    name: 'my.ippool-1',
    uid: /^[0-9a-f-]{36}$/,
    creationTimestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  })
  t.strictSame(spec, {
    cidr: '10.1.0.0/16',
    vxlanMode: 'Never',
    ipipMode: 'CrossSubnet',
    natOutgoing: true,
    disabled: false,
    blockSize: 26,
    nodeSelector: 'all()',
    allowedUses: ['Workload', 'Tunnel'],
    assignmentMode: 'Automatic',
  })

  const stored = await keys.get(keyOf('my.ippool-1'))
  t.equal(
    stored?.text,
    withCondition(
      `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"my.ippool-1","uid":"${metadata.uid}","creationTimestamp":"${metadata.creationTimestamp}"},` +
        '"spec":{"cidr":"10.1.0.0/16","vxlanMode":"Never","ipipMode":"CrossSubnet","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
      metadata.creationTimestamp,
    ),
  )
  t.equal(stored?.revision, metadata.resourceVersion, 'its resourceVersion is the revision of its key')
  t.strictSame(Object.keys(await keys.dump('/calico/')), [...before, keyOf('my.ippool-1')], 'nothing else is written')
})

/** What is sent, and the stored text from its labels or spec on. */
const storedForms: readonly (readonly [claim: string, sent: string, stored: string])[] = [
  [
    'defaults are written out, in the order of the fields in Calico',
    '{"metadata":{"name":"NAME"},"spec":{"natOutgoing":true,"blockSize":29,"cidr":"10.10.0.0/24"}}',
    '"spec":{"cidr":"10.10.0.0/24","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":29,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  ],
  [
    'an IPv6 CIDR is written in its canonical form, with the block size of its family',
    '{"metadata":{"name":"NAME"},"spec":{"cidr":"FD00:0:0:10::/64"}}',
    '"spec":{"cidr":"fd00:0:0:10::/64","vxlanMode":"Never","ipipMode":"Never","blockSize":122,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  ],
  [
    'every field, labels sorted, selectors as they were given, with the escapes of Go',
    '{"metadata":{"name":"NAME","annotations":{"note":"a<b"},"labels":{"z":"1","team":"net"}},"spec":{"assignmentMode":"Manual","allowedUses":["Workload"],"namespaceSelector":"a == \'<\' && b != \'x\'","nodeSelector":"zone  in {\'b\',\'a\'}","blockSize":26,"disableBGPExport":true,"disabled":true,"natOutgoing":false,"ipipMode":"Never","vxlanMode":"CrossSubnet","cidr":"10.11.0.0/16"}}',
    '"labels":{"team":"net","z":"1"},"annotations":{"note":"a\\u003cb"}},"spec":{"cidr":"10.11.0.0/16","vxlanMode":"CrossSubnet","ipipMode":"Never","disabled":true,"disableBGPExport":true,"blockSize":26,"nodeSelector":"zone  in {\'b\',\'a\'}","namespaceSelector":"a == \'\\u003c\' \\u0026\\u0026 b != \'x\'","allowedUses":["Workload"],"assignmentMode":"Manual"}}',
  ],
  [
    'a pool for load balancers',
    '{"metadata":{"name":"NAME"},"spec":{"cidr":"192.0.2.0/24","allowedUses":["LoadBalancer"],"blockSize":32}}',
    '"spec":{"cidr":"192.0.2.0/24","vxlanMode":"Never","ipipMode":"Never","blockSize":32,"nodeSelector":"all()","allowedUses":["LoadBalancer"],"assignmentMode":"Automatic"}}',
  ],
]

t.test('the stored bytes of a pool are those that Calico writes, with its condition', async (t) => {
  for (const [index, [claim, sent, stored]] of storedForms.entries()) {
    const name = `form-${String(index)}`
    const created = await call('POST', poolsPath, sent.replace('NAME', name))
    t.equal(created.status, 201, `${claim}: ${JSON.stringify(created.body)}`)
    const { uid, creationTimestamp } = poolIn(created).metadata
    const head = `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"${name}","uid":"${uid}","creationTimestamp":"${creationTimestamp}"`
    const text = (await keys.get(keyOf(name)))?.text
    const whole = head + (stored.startsWith('"spec"') ? `},${stored}` : `,${stored}`)
    t.equal(text, withCondition(whole, creationTimestamp), claim)
  }
})

t.test('list, read, replace, merge patch, JSON patch and delete, as another server sees them too', async (t) => {
  const path = `${poolsPath}/blue`
  const created = poolIn(await createPool(call, 'blue', { cidr: '10.2.0.0/16' }))
  await createPool(callOther, 'amber', { cidr: '10.3.0.0/16' })

  const list = await callOther('GET', poolsPath)
  t.match(list.body, { kind: 'IPPoolList', apiVersion: 'projectcalico.org/v3' })
  const { items, metadata } = list.body as unknown as { items: Pool[]; metadata: { resourceVersion: string } }
  t.strictSame(
    items.map((pool) => pool.metadata.name).filter((name) => ['amber', 'blue'].includes(name)),
    ['amber', 'blue'],
    'in the order of their names',
  )
  t.equal(BigInt(metadata.resourceVersion), await keys.revision())
  t.strictSame((await callOther('GET', path)).body, created, 'what was answered is what is read')

  const replacement = { ...created, metadata: { ...created.metadata, labels: { team: 'net' } } }
  const replaced = await callOther('PUT', path, replacement)
  t.equal(replaced.status, 200)
  t.strictSame(poolIn(replaced).metadata.labels, { team: 'net' })
  t.equal(poolIn(replaced).metadata.uid, created.metadata.uid)
  t.not(poolIn(replaced).metadata.resourceVersion, created.metadata.resourceVersion)
  t.strictSame(
    refusalIn(await call('PUT', path, replacement)),
    { status: 409, reason: 'Conflict', fields: [] },
    'stale',
  )

  const merged = await call('PATCH', path, { spec: { natOutgoing: true } }, 'application/merge-patch+json')
  t.equal(merged.status, 200)
  t.match(poolIn(merged), { spec: { natOutgoing: true, cidr: '10.2.0.0/16' }, metadata: { labels: { team: 'net' } } })
  const operations = [
    { op: 'test', path: '/spec/natOutgoing', value: true },
    { op: 'replace', path: '/spec/nodeSelector', value: "zone == 'a'" },
    { op: 'remove', path: '/metadata/labels/team' },
  ]
  const patched = await callOther('PATCH', path, operations, 'application/json-patch+json')
  t.equal(patched.status, 200)
  t.match(poolIn(patched).spec, { nodeSelector: "zone == 'a'", natOutgoing: true })
  t.notOk(poolIn(patched).metadata.labels)
  const untrue = [{ op: 'test', path: '/spec/natOutgoing', value: false }, ...operations]
  t.match(refusalIn(await call('PATCH', path, untrue, 'application/json-patch+json')), {
    status: 422,
    reason: 'Invalid',
  })
  t.strictSame((await call('GET', path)).body, patched.body, 'a patch that fails changes nothing')

  const gone = await callOther('DELETE', path)
  t.equal(gone.status, 200)
  t.match(gone.body, {
    kind: 'Status',
    status: 'Success',
    details: { name: 'blue', kind: 'ippools', uid: created.metadata.uid },
  })
  t.equal(await keys.get(keyOf('blue')), undefined, 'a pool without addresses in use is gone at once')
  for (const read of [call, callOther]) t.match(refusalIn(await read('GET', path)), { status: 404, reason: 'NotFound' })
  t.match(refusalIn(await call('DELETE', path)), { status: 404, reason: 'NotFound' })
})

t.test('YAML replaces a pool as JSON does, and a change that changes nothing writes nothing', async (t) => {
  const yaml = sample.replace('my.ippool-1', 'yaml').replace('10.1.0.0', '10.12.0.0')
  t.equal((await call('POST', poolsPath, yaml, 'application/yaml')).status, 201)
  const before = await keys.revision()
  t.equal((await call('PUT', `${poolsPath}/yaml`, yaml, 'application/yaml')).status, 200)
  t.equal(await keys.revision(), before)
  const changed = await call(
    'PUT',
    `${poolsPath}/yaml`,
    yaml.replace('natOutgoing: true', 'natOutgoing: false'),
    'application/yaml',
  )
  t.equal(changed.status, 200)
  t.equal(poolIn(changed).spec['natOutgoing'], false, 'what is said is shown')
  t.notMatch((await keys.get(keyOf('yaml')))?.text, /natOutgoing/, 'and not stored')
  t.equal(await keys.revision(), before + 1n)
})

t.test('an invalid pool is refused with every cause at once, and nothing is stored', async (t) => {
  await createPool(call, 'taken', { cidr: '10.13.0.0/16' })
  const before = await keys.dump('/')
  const wrong = poolOf('Wrong_Name', {
    cidr: '10.13.2.3/16',
    blockSize: 33,
    vxlanMode: 'Sometimes',
    ipipMode: 'never',
    nodeSelector: 'zone = a',
    namespaceSelector: 'has(',
    allowedUses: ['Workload', 'Fun'],
    assignmentMode: 'Auto',
    natOutgoing: 'yes',
  })
  const refused = await call('POST', poolsPath, wrong)
  const { status, reason, fields } = refusalIn(refused)
  t.strictSame({ status, reason }, { status: 422, reason: 'Invalid' })
  t.strictSame([...fields].sort(), [
    'metadata.name',
    'spec.allowedUses[1]',
    'spec.assignmentMode',
    'spec.blockSize',
    'spec.cidr',
    'spec.ipipMode',
    'spec.namespaceSelector',
    'spec.natOutgoing',
    'spec.nodeSelector',
    'spec.vxlanMode',
  ])
  t.match(String(refused.body['message']), '33', 'the message names the value')

  const overlapping = await call('POST', poolsPath, poolOf('second', { cidr: '10.13.128.0/17', blockSize: 19 }))
  t.strictSame(refusalIn(overlapping), { status: 422, reason: 'Invalid', fields: ['spec.blockSize', 'spec.cidr'] })
  t.match(String(overlapping.body['message']), 'taken (10.13.0.0/16)', 'the other pool is named')
  t.match(refusalIn(await call('POST', poolsPath, poolOf('taken', { cidr: '10.14.0.0/16' }))), {
    status: 409,
    reason: 'AlreadyExists',
  })
  t.strictSame(await keys.dump('/'), before)
})

t.test('CIDR and block size cannot be changed; another spelling of the same CIDR is no change', async (t) => {
  await createPool(call, 'six', { cidr: 'fd00:1::/64' })
  const merge = (spec: object): Promise<Answer> =>
    call('PATCH', `${poolsPath}/six`, { spec }, 'application/merge-patch+json')
  t.strictSame(refusalIn(await merge({ cidr: 'fd00:2::/64', blockSize: 123 })), {
    status: 422,
    reason: 'Invalid',
    fields: ['spec.cidr', 'spec.blockSize'],
  })
  t.equal((await merge({ cidr: 'FD00:1:0::/64', blockSize: 122 })).status, 200)
})

t.test('unknown fields are dropped with a warning, or refused when asked to be strict', async (t) => {
  const pool = poolOf('odd', { cidr: '10.14.0.0/16', colour: 'red' })
  t.match(refusalIn(await call('POST', `${poolsPath}?fieldValidation=Strict`, pool)), {
    status: 400,
    reason: 'BadRequest',
  })
  t.equal(await keys.get(keyOf('odd')), undefined)
  const created = await call('POST', poolsPath, pool)
  t.equal(created.status, 201)
  t.match(String(created.headers['warning']), 'spec.colour')
  t.notMatch((await keys.get(keyOf('odd')))?.text, 'colour')
})

t.test('a dry run says what would happen, and writes nothing', async (t) => {
  await createPool(call, 'stays', { cidr: '10.15.0.0/16' })
  const before = await keys.changes()
  t.equal((await call('POST', `${poolsPath}?dryRun=All`, poolOf('new', { cidr: '10.16.0.0/16' }))).status, 201)
  t.match(refusalIn(await call('POST', `${poolsPath}?dryRun=All`, poolOf('new', { cidr: '10.15.0.0/17' }))), {
    status: 422,
  })
  const patch = { spec: { disabled: true } }
  const patched = await call('PATCH', `${poolsPath}/stays?dryRun=All`, patch, 'application/merge-patch+json')
  t.equal(poolIn(patched).spec['disabled'], true)
  t.equal((await call('DELETE', `${poolsPath}/stays?dryRun=All`)).status, 200)
  t.strictSame(await keys.changes(), before)
})

t.test('of two pools that overlap and are created at once on two servers, exactly one is', async (t) => {
  const pairs = Array.from({ length: 20 }, (_, index) => {
    const number = String(index)
    return [
      { name: `a-${number}`, cidr: `11.${number}.0.0/16` },
      { name: `b-${number}`, cidr: index % 2 === 0 ? `11.${number}.64.0/18` : `11.${number}.0.0/16` },
    ] as const
  })
  const outcomes = await Promise.all(
    pairs.map(async ([left, right]) =>
      Promise.all([
        call('POST', poolsPath, poolOf(left.name, { cidr: left.cidr })),
        callOther('POST', poolsPath, poolOf(right.name, { cidr: right.cidr })),
      ]),
    ),
  )
  for (const [index, answers] of outcomes.entries()) {
    const names = (pairs[index] ?? []).map(({ name }) => name)
    const statuses = answers.map((answer) => answer.status)
    const winner = statuses.indexOf(201)
    const loser = answers[1 - winner]
    t.strictSame(
      statuses.filter((status) => status === 201),
      [201],
      `${names.join(' and ')}: ${statuses.join(', ')}`,
    )
    t.ok(loser?.status === 422 || loser?.status === 409, `the loser gets ${String(loser?.status)}`)
    t.match(String(loser?.body['message']), names[winner], 'the loser is told of the winner')
  }
  const stored = Object.keys(await keys.dump('/calico/resources/'))
  const names = pairs.flat().map(({ name }) => keyOf(name))
  t.equal(stored.filter((key) => names.includes(key)).length, pairs.length)
})

t.test('of many pools of one name created at once on two servers, exactly one is', async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? call : callOther)('POST', poolsPath, poolOf('one', { cidr: `12.${String(index)}.0.0/16` })),
    ),
  )
  t.equal(answers.filter((answer) => answer.status === 201).length, 1)
  for (const answer of answers) if (answer.status !== 201) t.match(answer.body, { code: 409, reason: 'AlreadyExists' })
})

t.test('a pool does not fit over blocks of another size, and adopts those of its own', async (t) => {
  const refused = await call('POST', poolsPath, poolOf('seven', { cidr: '10.200.0.0/16', blockSize: 26 }))
  t.strictSame(refusalIn(refused), { status: 422, reason: 'Invalid', fields: ['spec.blockSize'] })
  t.match(String(refused.body['message']), '10.200.0.0/28')
  await createPool(call, 'seven', { cidr: '10.200.0.0/16', blockSize: 28 })
  t.match((await call('GET', '/ipam/v1/addresses/10.200.0.0')).body, {
    handle: 'old',
    pool: 'seven',
    block: '10.200.0.0/28',
  })
  t.equal((await keys.get('/calico/ipam/v2/assignment/ipv4/block/10.200.0.0-28'))?.text, block, 'untouched')
})

t.test(
  'a pool is deleted with no address in use, or it is not: an assignment at that very moment decides',
  async (t) => {
    let assignedCount = 0
    for (let round = 0; round < 40; round++) {
      const name = `race-${String(round)}`
      const cidr = `10.8.${String(round)}.0/24`
      await createPool(callOther, name, { cidr, blockSize: 28 })
      await until(
        'both servers know the pool',
        async () => (await call('GET', `${poolsPath}/${name}`)).status === 200 || undefined,
      )
      const remove = (): Promise<Answer> => callOther('DELETE', `${poolsPath}/${name}`)
      const earlier = round % 2 === 0 ? undefined : remove()
      const [assigned, deleted] = await Promise.all([
        call('POST', '/ipam/v1/assign', { handle: name, pools: [name] }),
        earlier ?? remove(),
      ])
      const isHeld = assigned.status === 201
      if (isHeld) assignedCount++
      const outcome = `assigned: ${String(assigned.status)}, deleted: ${String(deleted.body['kind'])}`
      t.equal(deleted.body['kind'], isHeld ? 'IPPool' : 'Status', outcome)
      // Its block, if there is one, keeps others of another size out.
      const again = await call('POST', poolsPath, poolOf(`${name}-again`, { cidr, blockSize: 26 }))
      t.equal(again.status, isHeld ? 422 : 201, outcome)
    }
    t.comment(`${String(assignedCount)} of 40 assignments came first`)
  },
)
