import t from 'tap'
import { planReadAddress, planReadHandle } from '../../../src/ipam/index.ts'
import { readHoldings } from '../../../src/ipam/read/index.ts'
import { formatAddress, mustParseAddress } from '../../../src/net/index.ts'
import type { Result } from '../../../src/plan/index.ts'
import { blockPrefix, handlePrefix, S, World } from '../../support/ipam-world.ts'

function readAddress(world: World, address: string): Result<unknown> {
  const plan = planReadAddress(world.view, mustParseAddress(address), world.context)
  return plan.writes.length === 0 ? plan.answer : { ok: true, value: 'a read that writes' }
}

/** The addresses of a handle, or the refusal. */
function readHandle(world: World, handle: string): unknown {
  const { answer, writes } = planReadHandle(world.view, handle, world.context)
  if (!answer.ok || writes.length > 0) return answer
  return answer.value.addresses.map(({ address, pool }) => `${formatAddress(address)} of ${String(pool)}`)
}

function worldWithPool(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  return world
}

t.test('whoever holds an address is told', (t) => {
  const world = worldWithPool()
  world.take({ handle: 'vm-42', node: 'node1', addresses: ['10.0.0.9'], attributes: { tenant: 'blue' } })
  const want = {
    ok: true,
    value: {
      address: mustParseAddress('10.0.0.9'),
      pool: 'a',
      node: 'node1',
      handle: 'vm-42',
      sequenceNumber: S,
      attributes: { tenant: 'blue' },
    },
  }
  t.match(readAddress(world, '10.0.0.9'), want)
  world.pool('a', '10.0.0.0/24', { blockSize: 29, disabled: true })
  t.match(readAddress(world, '10.0.0.9'), want, 'in a disabled pool, too')
  world.remove('/calico/resources/v3/projectcalico.org/ippools/a')
  t.match(readAddress(world, '10.0.0.9'), { ok: true, value: { ...want.value, pool: undefined } }, 'and in none at all')
  t.end()
})

t.test('reading an address that is not assigned says so, and why', (t) => {
  const world = worldWithPool()
  world.config({ ipCooldownSeconds: 60 })
  world.take({ addresses: ['10.0.0.9', '10.0.0.10'] })
  world.give('10.0.0.10')
  const cases: [address: string, message: RegExp][] = [
    ['10.0.0.8', /^10\.0\.0\.8 is not assigned\.$/],
    ['10.0.0.10', /^10\.0\.0\.10 is not assigned: it was released and is cooling down\.$/],
    ['10.0.0.99', /^10\.0\.0\.99 is not assigned\.$/],
    ['192.0.2.1', /^192\.0\.2\.1 is not assigned\.$/],
    ['fd00::1', /^fd00::1 is not assigned\.$/],
  ]
  for (const [address, message] of cases) {
    t.match(readAddress(world, address), { ok: false, refusal: { reason: 'NotFound', message } }, address)
  }
  world.passSeconds(61)
  world.put('/calico/ipam/v2/config', '[]')
  t.match(readAddress(world, '10.0.0.9'), { ok: true }, 'the configuration cannot be read')
  t.match(readAddress(world, '10.0.0.10'), { refusal: { message: /is cooling down\.$/ } }, 'so it may cool down still')
  world.config({ ipCooldownSeconds: 60 })
  t.match(readAddress(world, '10.0.0.10'), { refusal: { message: '10.0.0.10 is not assigned.' } })
  t.end()
})

t.test('a block that cannot be read is a conflict, not a free address', (t) => {
  const world = worldWithPool()
  world.put(`${blockPrefix}10.0.0.8-29`, '{')
  t.match(readAddress(world, '10.0.0.9'), {
    refusal: { reason: 'Conflict', message: /^The stored block 10\.0\.0\.8\/29 cannot be read: / },
  })
  t.end()
})

t.test('a handle has what its blocks say, block by block, whatever it counts', (t) => {
  const world = worldWithPool()
  world.pool('six', 'fd00::/64')
  world.take({ handle: 'h', addresses: ['fd00::7', '10.0.0.13', '10.0.0.9', '10.0.0.200'] })
  world.take({ handle: 'other', addresses: ['10.0.0.10'] })
  const held = ['10.0.0.200 of a', '10.0.0.9 of a', '10.0.0.13 of a', 'fd00::7 of six']
  t.strictSame(readHandle(world, 'h'), held)
  world.handle('h', { nonsense: 1, '10.0.0.200/29': 9, '10.0.0.8/29': 1, '10.0.0.64/29': 5, 'fd00::/122': 1 })
  t.strictSame(readHandle(world, 'h'), held)
  world.put(`${blockPrefix}10.0.0.8-29`, '{')
  t.strictSame(readHandle(world, 'h'), ['10.0.0.200 of a', 'fd00::7 of six'], 'without the block that cannot be read')
  world.remove('/calico/resources/v3/projectcalico.org/ippools/a')
  t.strictSame(readHandle(world, 'h'), ['10.0.0.200 of undefined', 'fd00::7 of six'])
  t.end()
})

t.test('a handle without addresses exists; it does not hold what it released', (t) => {
  const world = worldWithPool()
  world.config({ ipCooldownSeconds: 60 })
  world.take({ handle: 'h', addresses: ['10.0.0.9', '10.0.0.10'] })
  world.give('10.0.0.10')
  t.strictSame(readHandle(world, 'h'), ['10.0.0.9 of a'])
  world.handle('empty', {})
  t.strictSame(readHandle(world, 'empty'), [])
  t.end()
})

t.test('a handle that does not exist holds nothing', (t) => {
  const world = worldWithPool()
  t.strictSame(readHoldings(world.view, 'nobody', world.context), { ok: true, value: [] })
  t.end()
})

t.test('a handle that does not exist, or cannot be read, says so', (t) => {
  const world = worldWithPool()
  world.put(`${handlePrefix}broken`, '{')
  t.match(readHandle(world, 'nobody'), { refusal: { reason: 'NotFound', message: 'No handle "nobody" exists.' } })
  t.match(readHandle(world, 'broken'), {
    refusal: { reason: 'Conflict', message: /^The stored handle "broken" cannot be read: / },
  })
  t.end()
})

t.test('reading goes on while the cluster is locked, and while the configuration cannot be read', (t) => {
  const world = worldWithPool()
  world.take({ handle: 'h', addresses: ['10.0.0.9'] })
  world.lockCluster()
  t.match(readAddress(world, '10.0.0.9'), { ok: true })
  t.strictSame(readHandle(world, 'h'), ['10.0.0.9 of a'])
  world.put('/calico/ipam/v2/config', '[]')
  t.match(readAddress(world, '10.0.0.9'), { ok: true })
  t.strictSame(readHandle(world, 'h'), ['10.0.0.9 of a'])
  t.end()
})
