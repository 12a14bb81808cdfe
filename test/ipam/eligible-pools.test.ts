import t from 'tap'
import { eligiblePools, isNamed, notAllocatable } from '../../src/ipam/eligible-pools.ts'
import { readPools } from '../../src/ipam/surroundings.ts'
import { type Pool, poolKey, type PoolUse } from '../../src/model/index.ts'
import type { IpFamily } from '../../src/net/index.ts'
import { reasonsOf, requestOf, type Wish, World } from '../support/ipam-world.ts'

interface Asked extends Wish {
  readonly nodeLabels?: Readonly<Record<string, string>>
  readonly for?: PoolUse
  readonly family?: IpFamily
}

/** The pools that serve, then the reason why not of every other one; or the refusal. */
function eligible(
  world: World,
  { nodeLabels = {}, for: use = 'Workload', family = 4, ...wish }: Asked = {},
): readonly string[] {
  const found = eligiblePools(readPools(world.view), family, requestOf(wish), use, nodeLabels, world.rights)
  if (!found.ok) return reasonsOf(found.refusal)
  const causes = found.value.causes.map(({ field, reason }) => `${field} ${reason}`)
  return [...found.value.pools.map(({ name }) => name), ...causes]
}

function poolCalled(world: World, name: string): Pool {
  const pool = readPools(world.view).all.find((pool) => pool.name === name)
  if (pool === undefined) throw new Error(`no pool ${name}`)
  return pool
}

t.test('pools serve in the order of their names, bytewise', (t) => {
  const world = new World()
  for (const [index, name] of ['b', 'a.1', 'a', 'a-1', 'a10', 'a9'].entries()) world.pool(name, `10.0.${index}.0/24`)
  t.strictSame(eligible(world), ['a', 'a-1', 'a.1', 'a10', 'a9', 'b'])
  t.end()
})

t.test('pools of the other family are no answer, and not mentioned', (t) => {
  const world = new World()
  world.pool('four', '10.0.0.0/24')
  world.pool('six', 'fd00::/64')
  t.strictSame(eligible(world), ['four'])
  t.strictSame(eligible(world, { family: 6 }), ['six'])
  t.end()
})

t.test('without any pool of the family the advice is to create one', (t) => {
  const world = new World()
  world.pool('six', 'fd00::/64')
  t.strictSame(eligible(world), ['pools NoPool'])
  t.end()
})

t.test('each pool that gives no addresses to anybody says why', (t) => {
  const cases: [spec: object, rest: { metadata?: object; status?: object }, want: string, message: RegExp][] = [
    [{}, {}, 'p', /^$/],
    [{ disabled: false }, {}, 'p', /^$/],
    [{ disabled: true }, {}, 'pools[p] PoolDisabled', /^pool p is disabled \(spec\.disabled\)$/],
    [
      {},
      { metadata: { deletionTimestamp: '2026-11-23T04:00:00Z' } },
      'pools[p] PoolTerminating',
      /^pool p is being deleted$/,
    ],
    [
      { disabled: true },
      { metadata: { deletionTimestamp: '2026-11-23T04:00:00Z' } },
      'pools[p] PoolTerminating',
      /^pool p is being deleted$/,
    ],
    [
      {},
      { status: { conditions: [{ type: 'Allocatable', status: 'False', reason: 'CIDROverlap' }] } },
      'pools[p] PoolDisabled',
      /^pool p has the condition Allocatable=False$/,
    ],
    [{}, { status: { conditions: [{ type: 'Allocatable', status: 'True' }] } }, 'p', /^$/],
  ]
  for (const [spec, rest, want, message] of cases) {
    const world = new World()
    world.pool('p', '10.0.0.0/24', spec, rest)
    t.strictSame(eligible(world), [want], JSON.stringify([spec, rest]))
    if (want !== 'p') t.match(notAllocatable(poolCalled(world, 'p')).message, message)
  }
  t.end()
})

t.test('a pool whose blocks are too small for what the host reserves does not serve, asked for or not', (t) => {
  const cases: [blockSize: number, start: number, end: number, serves: boolean][] = [
    [29, 3, 1, true],
    [30, 3, 1, false],
    [30, 1, 1, true],
    [31, 1, 1, false],
    [32, 0, 0, true],
  ]
  for (const [blockSize, start, end, serves] of cases) {
    const world = new World()
    world.pool('a', '10.0.0.0/28', { blockSize })
    const hostReserved = { 4: { start, end } }
    const name = `/${blockSize} for ${start} and ${end}`
    t.strictSame(eligible(world, { hostReserved }), serves ? ['a'] : ['pools[a] PoolBlocksTooSmall'], name)
    const refused = ['InsufficientAddresses', 'pools[a] PoolBlocksTooSmall']
    t.strictSame(eligible(world, { hostReserved, pools: ['a'] }), serves ? ['a'] : refused, name)
  }
  t.end()
})

t.test('a pool that cannot be read is reported, and does not stop the others', (t) => {
  const world = new World()
  world.put(poolKey('broken').text, '{')
  world.pool('p', '10.0.0.0/24')
  t.strictSame(eligible(world), ['p', 'pools[broken] PoolUnreadable'])
  t.end()
})

t.test('node selectors choose by the labels of the node', (t) => {
  const cases: [selector: string | undefined, labels: Record<string, string>, isServing: boolean][] = [
    [undefined, {}, true],
    ['', {}, true],
    ['all()', {}, true],
    ['!all()', {}, false],
    ['zone == "a"', { zone: 'a' }, true],
    ['zone == "a"', { zone: 'b' }, false],
    ['zone == "a"', {}, false],
    ['zone != "a"', {}, true],
    ['!has(zone)', {}, true],
    ['has(zone)', {}, false],
  ]
  for (const [nodeSelector, nodeLabels, isServing] of cases) {
    const world = new World()
    world.pool('p', '10.0.0.0/24', { nodeSelector })
    const want = isServing ? ['p'] : ['pools[p] PoolNotForNode']
    t.strictSame(eligible(world, { nodeLabels }), want, `${nodeSelector} ${JSON.stringify(nodeLabels)}`)
  }
  t.end()
})

t.test('namespace selectors choose by the labels of the namespace, without which there are none', (t) => {
  const cases: [selector: string | undefined, labels: Record<string, string>, isServing: boolean][] = [
    [undefined, {}, true],
    ['all()', {}, true],
    ['team == "a"', { team: 'a' }, true],
    ['team == "a"', {}, false],
    ['team != "a"', {}, true],
    ['team != "a"', { team: 'a' }, false],
  ]
  for (const [namespaceSelector, namespaceLabels, isServing] of cases) {
    const world = new World()
    world.pool('p', '10.0.0.0/24', { namespaceSelector, allowedUses: ['Workload'] })
    const want = isServing ? ['p'] : ['pools[p] PoolNotForNamespace']
    t.strictSame(eligible(world, { namespaceLabels }), want, `${namespaceSelector} ${JSON.stringify(namespaceLabels)}`)
  }
  t.end()
})

t.test('both selectors must match', (t) => {
  const world = new World()
  world.pool('p', '10.0.0.0/24', { nodeSelector: 'n == "1"', namespaceSelector: 'm == "1"' })
  t.strictSame(eligible(world, { nodeLabels: { n: '1' }, namespaceLabels: { m: '1' } }), ['p'])
  t.strictSame(eligible(world, { nodeLabels: { n: '1' } }), ['pools[p] PoolNotForNamespace'])
  t.strictSame(eligible(world, { namespaceLabels: { m: '1' } }), ['pools[p] PoolNotForNode'])
  t.end()
})

t.test('a selector that does not parse fails the request that must evaluate it, and no other', (t) => {
  for (const selectors of [{ nodeSelector: 'zone = a' }, { namespaceSelector: 'zone = a' }]) {
    const world = new World()
    world.pool('p', '10.0.0.0/24', selectors)
    world.pool('q', '10.0.1.0/24')
    t.strictSame(eligible(world), ['Conflict', 'pools[p] PoolUnreadable'])
    t.strictSame(eligible(world, { pools: ['p'] }), ['p'])
    world.pool('p', '10.0.0.0/24', { ...selectors, assignmentMode: 'Manual' })
    t.strictSame(eligible(world), ['q', 'pools[p] PoolNotAutomatic'])
    world.pool('p', '10.0.0.0/24', { ...selectors, disabled: true })
    t.strictSame(eligible(world), ['q', 'pools[p] PoolDisabled'])
  }
  const world = new World()
  world.pool('p', '10.0.0.0/24', { nodeSelector: 'zone = a' })
  const found = eligiblePools(readPools(world.view), 4, requestOf(), 'Workload', {}, world.rights)
  t.match(found, { refusal: { message: 'The stored selector "zone = a" of pool p cannot be read.' } })
  t.end()
})

t.test('a manual pool serves when it is asked for', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { assignmentMode: 'Manual' })
  world.pool('b', '10.0.1.0/24', { assignmentMode: 'Automatic' })
  t.strictSame(eligible(world), ['b', 'pools[a] PoolNotAutomatic'])
  t.strictSame(eligible(world, { pools: ['a'] }), ['a'])
  t.end()
})

t.test('a pool must allow the use, also when it is asked for', (t) => {
  const cases: [allowedUses: readonly string[] | undefined, use: PoolUse, isServing: boolean][] = [
    [undefined, 'Workload', true],
    [undefined, 'Tunnel', true],
    [undefined, 'LoadBalancer', false],
    [[], 'Workload', true],
    [['Workload'], 'Workload', true],
    [['Workload'], 'Tunnel', false],
    [['LoadBalancer'], 'LoadBalancer', true],
    [['LoadBalancer'], 'Workload', false],
  ]
  for (const [allowedUses, use, isServing] of cases) {
    const world = new World()
    world.pool('p', '10.0.0.0/24', { allowedUses })
    const want = isServing ? ['p'] : ['pools[p] PoolNotForUse']
    t.strictSame(eligible(world, { for: use }), want, `${String(allowedUses)} for ${use}`)
    t.strictSame(eligible(world, { for: use, pools: ['p'] }), want, `${String(allowedUses)} for ${use}, asked for`)
  }
  t.end()
})

t.test('pools asked for serve in the order asked for, whatever their selectors say', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { nodeSelector: '!all()' })
  world.pool('b', '10.0.1.0/24', { namespaceSelector: 'has(x)', allowedUses: ['Workload'] })
  world.pool('c', '10.0.2.0/24')
  world.pool('six', 'fd00::/64')
  t.strictSame(eligible(world, { pools: ['c', 'a'] }), ['c', 'a'])
  t.strictSame(eligible(world, { pools: ['b', '10.0.2.0/24', 'a'] }), ['b', 'c', 'a'])
  t.strictSame(eligible(world, { pools: ['10.0.2.99/24', 'c', 'b', 'c'] }), ['c', 'b'])
  t.strictSame(eligible(world, { pools: ['c', 'six'] }), ['c'])
  t.strictSame(eligible(world, { pools: ['c', 'six'], family: 6 }), ['six'])
  t.strictSame(eligible(world, { pools: ['FD00:0::/64'], family: 6 }), ['six'])
  t.end()
})

t.test('a pool asked for that does not exist, or is of no use, refuses the whole request', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24')
  world.pool('off', '10.0.1.0/24', { disabled: true })
  world.pool('six', 'fd00::/64', { disabled: true })
  world.put(poolKey('broken').text, '{')
  const cases: [pools: readonly string[], want: readonly string[]][] = [
    [
      ['a', 'b', '10.0.9.0/24'],
      ['Invalid', 'pools[1] FieldValueInvalid', 'pools[2] FieldValueInvalid'],
    ],
    [['10.0.0.0/25'], ['Invalid', 'pools[0] FieldValueInvalid']],
    [
      ['off', 'b'],
      ['Invalid', 'pools[1] FieldValueInvalid'],
    ],
    [
      ['a', 'off'],
      ['InsufficientAddresses', 'pools[off] PoolDisabled'],
    ],
    [['six'], ['Invalid', 'pools FieldValueInvalid']],
    [
      ['a', 'broken'],
      ['InsufficientAddresses', 'pools[broken] PoolUnreadable'],
    ],
  ]
  for (const [pools, want] of cases) t.strictSame(eligible(world, { pools }), want, pools.join(' '))
  t.strictSame(eligible(world, { pools: ['a', 'six'] }), ['a'], 'of others there is nothing to say')
  t.end()
})

t.test('a pool is meant by its name or its CIDR, however that is spelt', (t) => {
  const world = new World()
  world.pool('six', 'fd00::/64')
  const six = poolCalled(world, 'six')
  for (const reference of ['six', 'fd00::/64', 'FD00:0::1/64']) t.equal(isNamed(six, reference), true, reference)
  for (const reference of ['Six', '', 'fd00::', 'fd00::/65', 'fd01::/64'])
    t.equal(isNamed(six, reference), false, reference)
  t.end()
})

t.test('selectors are evaluated once for a node, until its labels or a pool change', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { nodeSelector: "zone == 'a'" })
  world.pool('b', '10.0.1.0/24', { nodeSelector: "zone == 'b'" })
  let looks = 0
  const counted = (labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
    new Proxy(labels, {
      getOwnPropertyDescriptor(target, label) {
        looks += 1
        return Reflect.getOwnPropertyDescriptor(target, label)
      },
    })
  const names = (nodeLabels: Readonly<Record<string, string>>): readonly string[] => {
    const found = eligiblePools(readPools(world.view), 4, requestOf({}), 'Workload', nodeLabels, world.rights)
    return found.ok ? found.value.pools.map(({ name }) => name) : []
  }
  const labels = counted({ zone: 'a' })
  t.strictSame(names(labels), ['a'])
  const once = looks
  t.ok(once >= 2)
  for (let call = 0; call < 10; call++) t.strictSame(names(labels), ['a'])
  t.equal(looks, once)
  t.strictSame(names(counted({ zone: 'b' })), ['b'], 'a node with other labels')
  world.pool('c', '10.0.2.0/24')
  t.strictSame(names(labels), ['a', 'c'], 'a new pool')
  t.ok(looks > once)
  t.end()
})
