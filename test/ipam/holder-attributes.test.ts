import t from 'tap'
import { type HolderChange, planChangeHolders, planReadHolders } from '../../src/ipam/index.ts'
import { mustParseAddress } from '../../src/net/index.ts'
import { blockPrefix, reasonsOf, S, World } from '../support/ipam-world.ts'

const address = mustParseAddress('10.0.0.0')
const source = { pod: 'launcher-1', namespace: 'vms' }
const target = { pod: 'launcher-2', namespace: 'vms' }
const nobody = { node: undefined, attributes: {} }

/** Two addresses of one call, which share an entry. */
function migratingWorld(): World {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 30 })
  world.claim('node1', '10.0.0.0/30', 'pending')
  world.take({ handle: 'vm-1', node: 'node1', ipv4: 2, attributes: source })
  return world
}

type Wish = Omit<HolderChange, 'address' | 'expected'> & { readonly expected?: HolderChange['expected'] }

/** Carries out a change; gives both owners, or why not. */
function change(world: World, wish: Wish): unknown {
  world.view.reads.clear()
  const outcome = world.commit(planChangeHolders(world.view, { address, expected: {}, ...wish }, world.context))
  return outcome.ok ? [outcome.value.active, outcome.value.alternate] : reasonsOf(outcome.refusal)
}

function owners(world: World, of = '10.0.0.0'): unknown {
  const { answer } = planReadHolders(world.view, mustParseAddress(of), world.context)
  return answer.ok ? answer.value : reasonsOf(answer.refusal)
}

const onNode1 = { node: 'node1', attributes: source }
const onNode2 = { node: 'node2', attributes: target }

t.test('a live migration: the target is announced, both change places, the source is forgotten', (t) => {
  const world = migratingWorld()
  const before = { address, handle: 'vm-1', sequenceNumber: S, active: onNode1, alternate: nobody }
  t.strictSame(owners(world), before)
  t.strictSame(change(world, { change: { kind: 'set', alternate: onNode2 } }), [onNode1, onNode2])
  t.strictSame(change(world, { change: { kind: 'swap' } }), [onNode2, onNode1])
  t.strictSame(change(world, { change: { kind: 'set', alternate: nobody } }), [onNode2, nobody])
  t.strictSame(owners(world), { ...before, active: onNode2 }, 'handle and number stay')
  t.strictSame(
    owners(world, '10.0.0.1'),
    { ...before, address: mustParseAddress('10.0.0.1') },
    'the other is as it was',
  )
  t.equal(world.counts('vm-1'), '{"10.0.0.0/30":2}')
  t.end()
})

t.test('what is stored is what Calico reads', (t) => {
  const world = migratingWorld()
  change(world, { change: { kind: 'set', alternate: onNode2 } })
  t.match(
    world.view.text(`${blockPrefix}10.0.0.0-30`),
    '"allocations":[1,0,null,null],"unallocated":[2,3],"attributes":[{"handle_id":"vm-1","secondary":{"namespace":"vms","node":"node1","pod":"launcher-1"}},{"handle_id":"vm-1","secondary":{"namespace":"vms","node":"node1","pod":"launcher-1"},"alternateOwnerAttrs":{"namespace":"vms","node":"node2","pod":"launcher-2"}}],"sequenceNumber":1795406400123456791,"sequenceNumberForAllocation":{"0":1795406400123456789,"1":1795406400123456789}',
  )
  change(world, { change: { kind: 'set', alternate: nobody } })
  t.match(world.view.text(`${blockPrefix}10.0.0.0-30`), '"allocations":[0,0,null,null]', 'and shared again')
  t.end()
})

t.test('each precondition must hold, and all that do not are named', (t) => {
  const swap = { kind: 'swap' } as const
  const usage = (attributes: Readonly<Record<string, string>>) => ({ node: undefined, attributes })
  const cases: [name: string, wish: Omit<Wish, 'change'>, broken: readonly string[]][] = [
    ['the handle', { handle: 'vm-1' }, []],
    ['the handle as far as a carriage return', { handle: 'vm-1\rx' }, []],
    ['another handle', { handle: 'vm-2' }, ['handle HandleMismatch']],
    ['the number', { sequenceNumber: S }, []],
    ['an older number', { sequenceNumber: S - 1n }, ['sequenceNumber SequenceNumberMismatch']],
    ['the owner, as Calico knows it', { expected: { active: usage(source) } }, []],
    ['the owner, whole', { expected: { active: onNode1 } }, []],
    ['another owner', { expected: { active: usage(target) } }, ['expected.active OwnerMismatch']],
    ['another node', { expected: { active: { ...onNode1, node: 'node2' } } }, ['expected.active OwnerMismatch']],
    ['what is inherited', { expected: { active: usage({ toString: '' }) } }, ['expected.active OwnerMismatch']],
    ['no owner', { expected: { active: nobody } }, ['expected.active OwnerMismatch']],
    ['no alternate owner', { expected: { alternate: nobody } }, []],
    ['an alternate owner', { expected: { alternate: onNode2 } }, ['expected.alternate OwnerMismatch']],
    ['no owner but the node', { expected: { noActive: true } }, ['expected.noActive OwnerMismatch']],
    ['no alternate owner but the node', { expected: { noAlternate: true } }, []],
    ['either condition left out', { expected: { noActive: false, noAlternate: false } }, []],
    [
      'everything at once',
      { handle: 'x', sequenceNumber: 0n, expected: { active: nobody, alternate: onNode1 } },
      [
        'handle HandleMismatch',
        'sequenceNumber SequenceNumberMismatch',
        'expected.active OwnerMismatch',
        'expected.alternate OwnerMismatch',
      ],
    ],
  ]
  for (const [name, wish, broken] of cases) {
    const world = migratingWorld()
    const before = world.dump()
    const outcome = change(world, { change: swap, ...wish })
    if (broken.length === 0) t.strictSame(outcome, [nobody, onNode1], name)
    else {
      t.strictSame(outcome, ['Conflict', ...broken], name)
      t.strictSame(world.dump(), before, `${name}: nothing is changed`)
    }
  }
  t.end()
})

t.test('of an address that was assigned with a node, no owner but the node can be required', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/29', { blockSize: 30 })
  world.take({ handle: 'vm-1', node: 'node1', addresses: ['10.0.0.0'] })
  const nodeOnly = { node: 'node1', attributes: {} }
  const set = { kind: 'set', active: onNode1 } as const
  t.strictSame(change(world, { change: set, expected: { active: nobody } }), [
    'Conflict',
    'expected.active OwnerMismatch',
  ])
  t.strictSame(
    change(world, { change: set, expected: { active: { ...nodeOnly, node: 'node2' }, noActive: true } }),
    ['Conflict', 'expected.active OwnerMismatch'],
    'of a certain node',
  )
  t.strictSame(change(world, { change: { kind: 'swap' }, expected: { noActive: true } }), [nobody, nodeOnly])
  t.strictSame(change(world, { change: { kind: 'swap' }, expected: { noAlternate: true } }), [nodeOnly, nobody])
  t.strictSame(change(world, { change: set, expected: { active: nodeOnly, noActive: true } }), [onNode1, nobody])
  t.strictSame(change(world, { change: set, expected: { noActive: true } }), [
    'Conflict',
    'expected.noActive OwnerMismatch',
  ])
  t.end()
})

t.test('an address without a handle and attributes has no owner, and can be given one', (t) => {
  const world = migratingWorld()
  world.block('10.0.0.4/30', null, { allocations: [0, null, null, null], unallocated: [1, 2, 3], attributes: [{}] })
  const bare = mustParseAddress('10.0.0.4')
  const wish = {
    address: bare,
    change: { kind: 'set', active: onNode1 },
    handle: '',
    expected: { active: nobody },
  } as const
  t.match(world.commit(planChangeHolders(world.view, wish, world.context)), { value: { active: onNode1 } })
  t.match(world.commit(planChangeHolders(world.view, { ...wish, handle: 'h' }, world.context)), {
    refusal: { reason: 'Conflict' },
  })
  t.end()
})

t.test('a change that changes nothing writes nothing', (t) => {
  const world = migratingWorld()
  const before = world.dump()
  t.strictSame(change(world, { change: { kind: 'set' } }), [onNode1, nobody])
  t.strictSame(change(world, { change: { kind: 'set', active: onNode1 } }), [onNode1, nobody])
  t.strictSame(world.dump(), before)
  t.end()
})

t.test('of an address that nobody holds, or whose block cannot be read, that is said', (t) => {
  const world = migratingWorld()
  world.config({ ipCooldownSeconds: 60 })
  t.strictSame(owners(world, '10.0.0.2'), ['NotFound'])
  t.strictSame(owners(world, '192.0.2.1'), ['NotFound'])
  world.releaseHandle('vm-1')
  t.strictSame(owners(world), ['NotFound'])
  t.strictSame(change(world, { change: { kind: 'swap' } }), ['NotFound'])
  world.put(`${blockPrefix}10.0.0.0-30`, '{')
  t.strictSame(change(world, { change: { kind: 'swap' } }), ['Conflict'])
  t.end()
})

t.test('a disabled pool does not hide who uses its addresses', (t) => {
  const world = migratingWorld()
  world.pool('a', '10.0.0.0/29', { blockSize: 30, disabled: true })
  t.match(owners(world), { active: onNode1 })
  t.strictSame(change(world, { change: { kind: 'swap' } }), [nobody, onNode1])
  t.end()
})

t.test('a locked cluster changes nothing, and a configuration that cannot be read stops nothing', (t) => {
  const world = migratingWorld()
  world.put('/calico/ipam/v2/config', '{')
  t.strictSame(change(world, { change: { kind: 'swap' } }), [nobody, onNode1])
  t.match(owners(world), { active: nobody, alternate: onNode1 })
  world.lockCluster()
  t.strictSame(change(world, { change: { kind: 'swap' } }), ['ServiceUnavailable'])
  t.end()
})
