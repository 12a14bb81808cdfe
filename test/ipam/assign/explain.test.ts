import t from 'tap'
import { planExplainAssign } from '../../../src/ipam/index.ts'
import { formatAddress } from '../../../src/net/index.ts'
import { requestOf, type Wish, World } from '../../support/ipam-world.ts'

function explain(world: World, wish: Wish) {
  const { answer, writes } = planExplainAssign(world.view, requestOf(wish), world.context)
  if (!answer.ok || writes.length > 0) throw new Error('an explanation is never refused, and writes nothing')
  const { addresses, refusal, eligible, causes } = answer.value
  return {
    addresses: addresses.map(({ address }) => formatAddress(address)),
    refused: refusal?.reason,
    eligible,
    causes: causes.map(({ field, reason }) => `${field} ${reason}`),
  }
}

function world(): World {
  const made = new World()
  made.pool('a', '10.0.0.0/29', { blockSize: 29, nodeSelector: "zone == 'a'" })
  made.pool('b', '10.0.1.0/29', { blockSize: 29 })
  made.pool('off', '10.0.2.0/29', { blockSize: 29, disabled: true })
  made.pool('six', 'fd00::/120', { blockSize: 122 })
  made.node('n1', { zone: 'b' })
  return made
}

t.test('an assign that would succeed is explained pool by pool', (t) => {
  const made = world()
  t.strictSame(explain(made, { node: 'n1', ipv4: 1, ipv6: 1 }), {
    addresses: ['10.0.1.0', 'fd00::'],
    refused: undefined,
    eligible: ['b', 'six'],
    causes: ['pools[off] PoolDisabled', 'pools[a] PoolNotForNode'],
  })
  t.strictSame(explain(made, { addresses: ['10.0.0.3'] }), {
    addresses: ['10.0.0.3'],
    refused: undefined,
    eligible: [],
    causes: [],
  })
  t.strictSame(explain(made, { use: 'LoadBalancer' }).eligible, [])
  t.end()
})

t.test('one that would be refused is explained as the refusal is', (t) => {
  const made = world()
  made.take({ ipv4: 8, pools: ['b'] })
  t.strictSame(explain(made, { node: 'n1', ipv4: 1 }), {
    addresses: [],
    refused: 'InsufficientAddresses',
    eligible: ['b'],
    causes: ['pools[b] PoolFull', 'pools[off] PoolDisabled', 'pools[a] PoolNotForNode'],
  })
  t.strictSame(explain(made, { pools: ['off'] }), {
    addresses: [],
    refused: 'InsufficientAddresses',
    eligible: [],
    causes: ['pools[off] PoolDisabled'],
  })
  made.put('/calico/resources/v3/projectcalico.org/nodes/n2', '{')
  t.match(explain(made, { node: 'n2' }), { refused: 'Conflict', eligible: [] })
  t.end()
})
