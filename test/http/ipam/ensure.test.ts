import t from 'tap'
import { causesOf, startServer } from '../server-in-memory.ts'

const path = '/ipam/v1/ensure'
const addresses = [
  { address: '10.1.0.7', handle: 'vm-1', node: 'node-1', attributes: { tenant: 'blue' } },
  { address: 'fd00::7', handle: 'vm-2' },
]

t.test('addresses are held as the body says, and a repetition changes nothing', async (t) => {
  const { call, store } = startServer(t)
  t.match(await call('POST', path, { addresses }), {
    status: 200,
    body: {
      addresses: [
        { address: '10.1.0.7', pool: 'blue', handle: 'vm-1', node: 'node-1', attributes: { tenant: 'blue' } },
        { address: 'fd00::7', pool: 'green', handle: 'vm-2', node: null, attributes: {} },
      ],
      assigned: ['10.1.0.7', 'fd00::7'],
    },
  })
  const { revision } = store.view
  t.match(await call('POST', path, { addresses }), { status: 200, body: { addresses, assigned: [] } })
  t.equal(store.view.revision, revision)
  t.match((await call('GET', '/ipam/v1/handles/vm-1')).body, { addresses: [{ address: '10.1.0.7' }] })
})

t.test('a dry run assigns nothing', async (t) => {
  const { call } = startServer(t)
  t.match(await call('POST', `${path}?dryRun=All`, { addresses }), {
    status: 200,
    body: { assigned: ['10.1.0.7', 'fd00::7'], dryRun: 'All' },
  })
  t.match((await call('GET', '/ipam/v1/addresses')).body, { addresses: [] })
})

t.test('a conflict names the addresses that have it', async (t) => {
  const { call } = startServer(t)
  await call('POST', path, { addresses })
  const answer = await call('POST', path, {
    addresses: [
      { address: '10.1.0.8', handle: 'vm-3' },
      { address: '10.1.0.7', handle: 'vm-3' },
      { address: 'fd00::7', handle: 'vm-2', node: 'node-2' },
    ],
  })
  t.match(answer, { status: 409, body: { reason: 'AddressInUse' } })
  t.strictSame(causesOf(answer), [
    ['addresses[1]', 'FieldValueInvalid'],
    ['addresses[2]', 'OwnerMismatch'],
  ])
  t.match(await call('GET', '/ipam/v1/addresses/10.1.0.8'), { status: 404 })
})

t.test('all that is wrong with a body is told at once', async (t) => {
  const { call } = startServer(t)
  const wrong = [
    { address: '10.1.0.7', handle: 'vm-1' },
    { address: '10.1.0.7', handle: 'vm-1' },
    { address: 'rubbish', handle: 'vm-1' },
    { address: '10.1.0.9', handle: 'windows-reserved-ipam-handle' },
    { address: '10.1.0.10', handle: 'vm-1', attributes: { ' ': 'x' } },
  ]
  const answer = await call('POST', path, { addresses: wrong })
  t.equal(answer.status, 422)
  t.strictSame(causesOf(answer), [
    ['addresses[1].address', 'FieldValueDuplicate'],
    ['addresses[2].address', 'FieldValueInvalid'],
    ['addresses[3].handle', 'FieldValueInvalid'],
    ['addresses[4].attributes[ ]', 'FieldValueInvalid'],
  ])
  for (const [name, body, status] of [
    ['nothing', { addresses: [] }, 422],
    ['too many', { addresses: Array.from({ length: 513 }, () => addresses[0]) }, 422],
    ['no list', {}, 400],
    ['an address without a handle', { addresses: [{ address: '10.1.0.7' }] }, 400],
    ['no body', undefined, 400],
  ] as const)
    t.match(await call('POST', path, body), { status }, name)
})
