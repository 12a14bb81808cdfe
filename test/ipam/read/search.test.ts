import t from 'tap'
import { planSearch } from '../../../src/ipam/index.ts'
import { parseAddressOrCidr } from '../../../src/net/index.ts'
import { World } from '../../support/ipam-world.ts'
import { everythingOf, rightsBy } from '../../support/rights.ts'

/** What is found, as `kind: names`, with `...` if there is more. */
function find(world: World, text: string, limit = 10): readonly string[] {
  const request = { text, range: parseAddressOrCidr(text), limit }
  const { answer, writes } = planSearch(world.view, request, world.context)
  if (!answer.ok || writes.length > 0) throw new Error('a search is never refused, and writes nothing')
  return answer.value.map(
    ({ kind, found, isComplete }) =>
      `${kind}:${found.map(({ name }) => ` ${name}`).join('')}${isComplete ? '' : ' ...'}`,
  )
}

function world(): World {
  const made = new World()
  made.pool('prod', '10.1.0.0/16', { blockSize: 26 }, { metadata: { labels: { team: 'blue' } } })
  made.pool('prod-eu', '10.1.8.0/24', { blockSize: 26 })
  made.pool('test-prod', '10.2.0.0/24', { blockSize: 26 })
  made.reserve('10.1.8.0/30', '10.2.0.0/30')
  made.reserve('10.7.0.0/16')
  made.node('prod-node', { zone: 'a' })
  made.node('other', { team: 'blue' })
  made.take({ addresses: ['10.1.8.9'], node: 'unregistered' })
  made.take({ addresses: ['10.2.0.9'], node: 'other' })
  return made
}

t.test('a name is found as a whole, at the beginning, and anywhere, in this order', (t) => {
  const made = world()
  t.strictSame(find(made, 'PROD'), ['pool: prod prod-eu test-prod', 'reservation:', 'node: prod-node'])
  t.strictSame(find(made, 'test-prod'), ['pool: test-prod', 'reservation:', 'node:'])
  t.strictSame(find(made, '10.2'), ['pool: test-prod', 'reservation:', 'node:'], 'the beginning of a range')
  t.strictSame(find(made, '10-1'), ['pool:', 'reservation: 10-1-8-0-30', 'node:'])
  t.strictSame(find(made, 'regist'), ['pool:', 'reservation:', 'node: unregistered'], 'a node with addresses only')
  t.strictSame(find(made, 'other'), ['pool:', 'reservation:', 'node: other'], 'registered, and once')
  t.end()
})

t.test('a label is found by its name and value', (t) => {
  const made = world()
  t.strictSame(find(made, 'team=blue'), ['pool: prod', 'reservation:', 'node: other'])
  for (const text of ['team=red', 'team=', '=blue', 'zone=b']) {
    t.strictSame(find(made, text), ['pool:', 'reservation:', 'node:'], text)
  }
  t.end()
})

t.test('around an address and a range lie pools, reservations and blocks, the closest first', (t) => {
  const made = world()
  t.strictSame(find(made, '10.1.8.1'), ['pool: prod-eu prod', 'reservation: 10-1-8-0-30', 'block: 10.1.8.0/26'])
  t.strictSame(find(made, '10.1.0.0/16'), ['pool: prod prod-eu', 'reservation: 10-1-8-0-30', 'block: 10.1.8.0/26'])
  t.strictSame(find(made, '10.7.1.0/24'), ['pool:', 'reservation: 10-7-0-0-16', 'block:'])
  t.strictSame(find(made, 'fd00::1'), ['pool:', 'reservation:', 'block:'])
  t.end()
})

t.test('no more is found than was asked for, and it is said that there is more', (t) => {
  const made = world()
  t.strictSame(find(made, 'prod', 2), ['pool: prod prod-eu ...', 'reservation:', 'node: prod-node'])
  t.strictSame(find(made, '10.0.0.0/8', 1), [
    'pool: prod ...',
    'reservation: 10-7-0-0-16 ...',
    'block: 10.1.8.0/26 ...',
  ])
  t.end()
})

t.test('what cannot be read is not found, and takes nothing away', (t) => {
  const made = world()
  made.put('/calico/resources/v3/projectcalico.org/nodes/prod-broken', '{')
  made.put('/calico/resources/v3/projectcalico.org/ipreservations/prod-broken', '{')
  t.strictSame(find(made, 'prod'), ['pool: prod prod-eu test-prod', 'reservation:', 'node: prod-node'])
  t.end()
})

t.test('what one may not list is not found', (t) => {
  const made = world()
  made.rights = rightsBy(everythingOf('blue'))
  t.strictSame(find(made, 'prod'), ['pool: prod'])
  t.strictSame(find(made, '10.0.0.0/8'), ['pool: prod', 'block:'], 'the block is in a pool of others, too')
  made.rights = rightsBy({ verbs: ['list'], resources: ['nodes'] })
  t.strictSame(find(made, 'prod'), ['node: prod-node'])
  made.rights = rightsBy({ verbs: ['list'], resources: ['ipreservations', 'ippools'] })
  t.strictSame(find(made, 'prod'), ['pool: prod prod-eu test-prod', 'reservation:'])
  made.rights = rightsBy()
  t.strictSame(find(made, 'prod'), [])
  t.strictSame(find(made, '10.1.8.1'), ['block:'])
  t.end()
})
