import t from 'tap'
import { itemOf, planReadAddress, planRelease, type ReleaseAnswer } from '../../../src/ipam/index.ts'
import { mustParseAddress } from '../../../src/net/index.ts'
import type { Result, Step } from '../../../src/plan/index.ts'
import { blockPrefix, handlePrefix, printRelease, reasonsOf, S, World } from '../../support/ipam-world.ts'
import { exampleBlock, exampleWorld } from '../../support/worked-example.ts'

t.test('addresses that nobody holds are said to be unallocated, and nothing is written', (t) => {
  const world = exampleWorld()
  world.block('10.20.0.0/29', null, {
    allocations: [0, null, null, null, null, null, null, null],
    unallocated: [1, 2, 3, 4, 5, 6, 7],
    attributes: [{}],
  })
  const before = world.dump()
  const nowhere = ['10.10.0.12', '10.10.0.200', '10.20.0.1', '10.20.0.9', '192.0.2.1', 'fd00::1']
  const { released, unallocated, failed } = world.give(...nowhere)
  t.strictSame([released, failed], [[], []])
  t.strictSame([...unallocated].sort(), [...nowhere].sort())
  t.strictSame(world.dump(), before)
  t.strictSame(world.give(), { released: [], unallocated: [], failed: [] })
  t.end()
})

t.test('an address is released as the assignment that was found, also one without a handle', (t) => {
  const world = exampleWorld()
  world.block('10.20.0.0/30', null, { allocations: [0, null, null, null], unallocated: [1, 2, 3], attributes: [{}] })
  for (const text of ['10.20.0.0', '10.10.0.8']) {
    const found = planReadAddress(world.view, mustParseAddress(text), world.context).answer
    if (!found.ok) throw new Error(`${text} is free`)
    const { sequenceNumber } = found.value
    const items = [{ ...found.value, sequenceNumber: sequenceNumber + 1n }, found.value].map(itemOf)
    t.match(
      items.map((item) => world.release([item])),
      [{ value: { failed: [{ reason: 'SequenceNumberMismatch' }] } }, { value: { released: [found.value.address] } }],
    )
  }
  t.end()
})

t.test('each address is answered for itself', (t) => {
  const world = exampleWorld()
  const items = [
    { address: '10.10.0.8', sequenceNumber: 1n },
    { address: '10.10.0.9', handle: 'net1.c2' },
    { address: '10.10.0.10', handle: 'net1.c2', sequenceNumber: S + 1n },
    { address: '10.10.0.11' },
  ]
  t.strictSame(world.give(...items), {
    released: ['10.10.0.10'],
    unallocated: ['10.10.0.11'],
    failed: ['10.10.0.8 SequenceNumberMismatch', '10.10.0.9 HandleMismatch'],
  })
  t.match(world.stored(exampleBlock), { allocations: [0, 0, null], sequenceNumber: S + 3n })
  t.equal(world.counts('net1.c1'), '{"10.10.0.8/29":2}')
  t.equal(world.counts('net1.c2'), undefined)
  t.end()
})

t.test('a sequence number must be the one that the address was assigned with; that of a free one is 0', (t) => {
  const cases: [address: string, sequenceNumber: bigint, want: 'released' | 'unallocated' | 'failed'][] = [
    ['10.10.0.8', S, 'released'],
    ['10.10.0.8', S - 1n, 'failed'],
    ['10.10.0.10', S + 1n, 'released'],
    ['10.10.0.10', S, 'failed'],
    ['10.10.0.10', 0n, 'failed'],
    ['10.10.0.11', S, 'failed'],
    ['10.10.0.11', 0n, 'unallocated'],
    ['10.10.0.17', S, 'unallocated'],
  ]
  for (const [address, sequenceNumber, want] of cases) {
    const world = exampleWorld()
    const given = world.give({ address, sequenceNumber })
    t.equal(given[want].length, 1, `${address} with ${sequenceNumber}`)
  }
  const released = exampleWorld().release([{ address: mustParseAddress('10.10.0.8'), sequenceNumber: 1n }])
  t.match(released, {
    value: {
      failed: [
        {
          message:
            '10.10.0.8 has the sequence number 1795406400123456789, not 1: it was released, and perhaps assigned again, in the meantime',
        },
      ],
    },
  })
  t.end()
})

t.test('a handle must be the one that holds the address, as far as its first carriage return', (t) => {
  const world = new World()
  const held = {
    allocations: [0, 1, 2, null],
    unallocated: [3],
    attributes: [{ handle_id: 'a\rold' }, {}, { handle_id: 'b' }],
  }
  const cases: [address: string, handle: string, want: 'released' | 'failed'][] = [
    ['10.0.0.0', 'a', 'released'],
    ['10.0.0.0', 'a\rnew', 'released'],
    ['10.0.0.0', 'a\told', 'failed'],
    ['10.0.0.1', '', 'released'],
    ['10.0.0.1', 'b', 'failed'],
    ['10.0.0.2', 'B', 'failed'],
    ['10.0.0.2', '', 'failed'],
  ]
  for (const [address, handle, want] of cases) {
    world.block('10.0.0.0/30', 'host:node1', held)
    t.strictSame(world.give({ address, handle })[want].length, 1, `${address} of ${JSON.stringify(handle)}`)
  }
  t.match(world.release([{ address: mustParseAddress('10.0.0.1'), handle: 'x' }]), {
    value: { failed: [{ message: '10.0.0.1 is held without a handle, not by "x"' }] },
  })
  t.end()
})

t.test('of an address named twice the last item counts', (t) => {
  const world = exampleWorld()
  const wrong = { address: '10.10.0.8', handle: 'nobody' }
  t.strictSame(world.give('10.10.0.8', wrong), { released: [], unallocated: [], failed: ['10.10.0.8 HandleMismatch'] })
  t.strictSame(world.give(wrong, '10.10.0.8').released, ['10.10.0.8'])
  t.end()
})

t.test('a block in no pool any more, or in a disabled one, gives its addresses back', (t) => {
  const world = exampleWorld()
  world.pool('pool-a', '10.10.0.0/24', { blockSize: 29, disabled: true })
  t.strictSame(world.give('10.10.0.8').released, ['10.10.0.8'])
  world.remove('/calico/resources/v3/projectcalico.org/ippools/pool-a')
  t.strictSame(world.give('10.10.0.9').released, ['10.10.0.9'])
  t.equal(world.stored(exampleBlock)?.affinity, 'host:node1')
  t.end()
})

t.test('a block that is nobody’s is deleted with its last address; Windows’ own do not count', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 30 })
  const held = { unallocated: [2, 3], attributes: [{ handle_id: 'h' }, { handle_id: 'windows-reserved-ipam-handle' }] }
  world.block('10.0.0.0/30', null, { ...held, allocations: [0, 1, null, null] })
  world.block('10.0.0.4/30', null, { ...held, allocations: [0, 0, null, null] })
  world.handle('h', { '10.0.0.0/30': 1, '10.0.0.4/30': 2 })
  world.give('10.0.0.0', '10.0.0.4')
  t.strictSame(world.view.keys(blockPrefix), [`${blockPrefix}10.0.0.4-30`])
  t.equal(world.counts('h'), '{"10.0.0.4/30":1}')
  world.give('10.0.0.5')
  t.strictSame(world.view.keys('/calico/ipam/'), [])
  t.end()
})

t.test('freed addresses enter the queue ascending within a call, call after call', (t) => {
  const world = new World()
  world.fullBlock(exampleBlock, 'host:node1')
  world.give('10.10.0.13', '10.10.0.9', '10.10.0.11')
  world.give('10.10.0.8')
  t.strictSame(world.stored(exampleBlock)?.unallocated, [1, 3, 5, 0])
  t.equal(world.stored(exampleBlock)?.sequenceNumber, 102n)
  t.end()
})

t.test('with a cooldown an address keeps its place until it has rested', (t) => {
  const world = exampleWorld()
  world.config({ ipCooldownSeconds: 60 })
  t.strictSame(world.give('10.10.0.8').released, ['10.10.0.8'])
  t.match(
    world.view.text(`${blockPrefix}10.10.0.8-29`),
    '"allocations":[2,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7]',
  )
  t.match(world.view.text(`${blockPrefix}10.10.0.8-29`), '{"releasedAt":"2026-11-23T04:00:00Z"}]')
  t.equal(world.counts('net1.c1'), '{"10.10.0.8/29":1}', 'the handle is decremented at once')
  t.strictSame(world.give('10.10.0.8').unallocated, ['10.10.0.8'])
  world.passSeconds(60)
  t.strictSame(world.give('10.10.0.9').released, ['10.10.0.9'])
  t.match(world.view.text(`${blockPrefix}10.10.0.8-29`), '"unallocated":[3,4,5,6,7,0]')
  t.end()
})

t.test(
  'a release takes what it released off the counts of its handles; never below what is held, and all with the last',
  (t) => {
    const cases: [stored: Record<string, number>, want: string | undefined][] = [
      [{ [exampleBlock]: 64 }, '{"10.10.0.8/29":63}'],
      [{ [exampleBlock]: 1 }, '{"10.10.0.8/29":1}'],
      [{ '10.10.0.16/29': 3 }, '{"10.10.0.16/29":3,"10.10.0.8/29":1}'],
    ]
    for (const [stored, want] of cases) {
      const world = exampleWorld()
      world.handle('net1.c1', stored)
      world.give('10.10.0.8')
      t.equal(world.counts('net1.c1'), want, JSON.stringify(stored))
    }
    const world = exampleWorld()
    world.handle('net1.c1', { [exampleBlock]: 64 })
    world.give('10.10.0.8', '10.10.0.9')
    t.equal(world.counts('net1.c1'), undefined)
    t.end()
  },
)

t.test('a count is not too low after a release of Calico’s that has written the block, and not yet the handle', (t) => {
  const world = new World()
  const held = { allocations: [null, 0, 0, null], unallocated: [3, 0], attributes: [{ handle_id: 'h' }] }
  world.block('10.0.0.0/30', 'host:node1', held)
  world.handle('h', { '10.0.0.0/30': 3 })
  world.give('10.0.0.1')
  t.equal(world.counts('h'), '{"10.0.0.0/30":2}', 'one of them is still to be taken off')
  t.end()
})

t.test('a handle whose key is lost, or cannot be read, does not hold up the release', (t) => {
  const world = exampleWorld()
  world.remove(`${handlePrefix}net1.c1`)
  world.put(`${handlePrefix}net1.c2`, '[')
  t.equal(world.give('10.10.0.8', '10.10.0.10').released.length, 2)
  t.strictSame(world.dump(handlePrefix), [[`${handlePrefix}net1.c2`, '[']])
  t.end()
})

t.test('an address without a handle is released by its address', (t) => {
  const world = new World()
  world.block('10.0.0.0/30', 'host:node1', {
    allocations: [0, null, null, null],
    unallocated: [1, 2, 3],
    attributes: [{}],
  })
  t.strictSame(world.give('10.0.0.0').released, ['10.0.0.0'])
  t.strictSame(world.view.keys(handlePrefix), [])
  t.end()
})

t.test('the block of another size in which an address is held gives it back', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 26 })
  world.fullBlock('10.0.0.0/30', 'host:node1')
  t.strictSame(world.give('10.0.0.2').released, ['10.0.0.2'])
  t.end()
})

t.test('a block that cannot be read is reported for each address, and does not hold up the others', (t) => {
  const world = exampleWorld()
  world.put(`${blockPrefix}10.10.0.16-29`, '{"cidr":')
  t.strictSame(world.give('10.10.0.16', '10.10.0.8', '10.10.0.17'), {
    released: ['10.10.0.8'],
    unallocated: [],
    failed: ['10.10.0.16 Unreadable', '10.10.0.17 Unreadable'],
  })
  t.match(world.release([{ address: mustParseAddress('10.10.0.16') }]), {
    value: { failed: [{ message: /^The stored block 10\.10\.0\.16\/29 cannot be read: / }] },
  })
  t.equal(world.view.text(`${blockPrefix}10.10.0.16-29`), '{"cidr":')
  t.end()
})

t.test('the last release of a block whose pool does not select its node any more deletes block and claim', (t) => {
  const cases: [name: string, prepare: (world: World) => void, isGivenUp: boolean][] = [
    [
      'the selector does not match',
      (world) => world.pool('pool-a', '10.10.0.0/24', { blockSize: 29, nodeSelector: 'zone == "b"' }),
      true,
    ],
    [
      'the selector matches',
      (world) => world.pool('pool-a', '10.10.0.0/24', { blockSize: 29, nodeSelector: 'zone == "a"' }),
      false,
    ],
    [
      'the pool is disabled',
      (world) => world.pool('pool-a', '10.10.0.0/24', { blockSize: 29, nodeSelector: 'zone == "b"', disabled: true }),
      false,
    ],
    ['the pool is gone', (world) => world.remove('/calico/resources/v3/projectcalico.org/ippools/pool-a'), false],
    [
      'the selector cannot be read',
      (world) => world.pool('pool-a', '10.10.0.0/24', { blockSize: 29, nodeSelector: 'zone = b' }),
      false,
    ],
    [
      'the node is not registered',
      (world) => {
        world.pool('pool-a', '10.10.0.0/24', { blockSize: 29, nodeSelector: 'zone == "b"' })
        world.remove('/calico/resources/v3/projectcalico.org/nodes/node1')
      },
      false,
    ],
    [
      'only namespaces do not match',
      (world) =>
        world.pool('pool-a', '10.10.0.0/24', { blockSize: 29, namespaceSelector: '!all()', allowedUses: ['Workload'] }),
      false,
    ],
  ]
  for (const [name, prepare, isGivenUp] of cases) {
    for (const how of ['by address', 'by handle']) {
      const world = exampleWorld()
      world.node('node1', { zone: 'a' })
      prepare(world)
      if (how === 'by address') world.give('10.10.0.8', '10.10.0.9')
      else world.releaseHandle('net1.c1')
      t.ok(world.stored(exampleBlock), `${name}, ${how}: a block in use stays`)
      if (how === 'by address') world.give('10.10.0.10')
      else world.releaseHandle('net1.c2')
      t.equal(world.stored(exampleBlock) === undefined, isGivenUp, `${name}, ${how}`)
      t.equal(world.claimState('node1', exampleBlock), isGivenUp ? undefined : 'confirmed', `${name}, ${how}`)
      t.strictSame(world.view.keys(handlePrefix), [])
    }
  }
  t.end()
})

t.test('blocks of the load balancers’ virtual owner are not given up', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 30, nodeSelector: 'zone == "b"' })
  world.node('load-balancer', {})
  world.block('10.0.0.0/30', 'virtual:load-balancer', {
    allocations: [0, null, null, null],
    unallocated: [1, 2, 3],
    attributes: [{}],
  })
  t.strictSame(world.give('10.0.0.0').released, ['10.0.0.0'])
  t.equal(world.stored('10.0.0.0/30')?.affinity, 'virtual:load-balancer')
  t.end()
})

t.test('releasing a handle', (t) => {
  t.test('that does not exist, or cannot be read, is refused', (t) => {
    const world = exampleWorld()
    world.put(`${handlePrefix}broken`, '{')
    const cases: [handle: string, reason: string, message: RegExp][] = [
      ['nobody', 'NotFound', /^No handle "nobody" exists\.$/],
      ['broken', 'Conflict', /^The stored handle "broken" cannot be read: /],
    ]
    for (const [handle, reason, message] of cases) {
      const released = world.releaseHandle(handle)
      t.match(released, { ok: false, refusal: { reason, message } })
    }
    t.end()
  })

  t.test('takes back what it holds in the blocks that it names, in both families, and then it is gone', (t) => {
    const world = new World()
    world.pool('four', '10.0.0.0/24', { blockSize: 30 })
    world.pool('six', 'fd00::/64')
    const taken = world.take({ handle: 'h', node: 'node1', ipv4: 6, ipv6: 1 })
    const other = world.take({ handle: 'other', node: 'node1', ipv4: 1 })
    const released = world.releaseHandle('h')
    t.ok(released.ok)
    if (released.ok) t.strictSame([...printRelease(released.value.answer).released].sort(), [...taken].sort())
    t.equal(world.counts('h'), undefined)
    t.strictSame(world.give(...taken, ...other).released, other)
    t.match(world.releaseHandle('h'), { refusal: { reason: 'NotFound' } })
    t.end()
  })

  t.test('heals: blocks that are gone, hold nothing of it, or have no CIDR for a name leave the handle', (t) => {
    const world = exampleWorld()
    world.block('10.10.0.16/29', 'host:node1')
    world.handle('net1.c1', { [exampleBlock]: 64, '10.10.0.16/29': 2, '10.10.0.24/29': 1, nonsense: 1, '': 1 })
    const released = world.releaseHandle('net1.c1')
    t.match(released, { value: { answer: { failed: [] }, next: undefined } })
    t.equal(world.counts('net1.c1'), undefined)
    t.equal(
      world.stored('10.10.0.16/29')?.sequenceNumber,
      101n,
      'who counted before it wrote the block must count anew',
    )
    world.handle('empty', {})
    t.match(world.releaseHandle('empty'), { value: { answer: { released: [] }, next: undefined } })
    t.end()
  })

  t.test('goes in steps when it is in very many blocks', (t) => {
    const world = new World()
    const counts: Record<string, number> = {}
    for (let block = 0; block < 250; block++) {
      const cidr = `10.0.0.${block}/32`
      world.block(cidr, null, { allocations: [0], unallocated: [], attributes: [{ handle_id: 'h' }] })
      counts[cidr] = 1
    }
    world.handle('h', counts)
    const steps: [releasedCount: number, isComplete: boolean][] = []
    for (let position: string | undefined = ''; position !== undefined; ) {
      const released: Result<Step<ReleaseAnswer>> = world.releaseHandle('h', position)
      if (!released.ok) throw new Error(released.refusal.message)
      const { answer, next } = released.value
      steps.push([answer.released.length, next === undefined])
      position = next
      t.ok(world.lastReads.size < 126, 'a step fits into a transaction')
    }
    t.strictSame(steps, [
      [118, false],
      [118, false],
      [14, true],
    ])
    t.strictSame(world.dump(), [])
    t.end()
  })

  t.test('is not held up by blocks that cannot be read: they stay, and are told once', (t) => {
    const world = new World()
    const counts: Record<string, number> = {}
    for (let block = 0; block < 150; block++) {
      const cidr = `10.0.0.${block}/32`
      if (block < 2) world.put(world.blockKey(cidr).text, '{')
      else world.block(cidr, null, { allocations: [0], unallocated: [], attributes: [{ handle_id: 'h' }] })
      counts[cidr] = 1
    }
    world.handle('h', counts)
    const first = world.releaseHandle('h')
    if (!first.ok || first.value.next === undefined) throw new Error('there is a second step')
    const unreadable = ['10.0.0.0 Unreadable', '10.0.0.1 Unreadable']
    t.strictSame(printRelease(first.value.answer).failed, unreadable)
    const last = world.releaseHandle('h', first.value.next)
    t.ok(last.ok)
    if (last.ok) {
      t.equal(last.value.next, undefined)
      t.equal(last.value.answer.released.length + first.value.answer.released.length, 148)
      t.strictSame(last.value.answer.failed, [])
    }
    t.equal(world.counts('h'), '{"10.0.0.0/32":1,"10.0.0.1/32":1}')
    t.match(world.releaseHandle('h'), { value: { answer: { failed: { length: 2 } }, next: undefined } }, 'and again')
    t.end()
  })

  t.test('leaves addresses that cool down their numbers', (t) => {
    const world = exampleWorld()
    world.config({ ipCooldownSeconds: 60 })
    t.ok(world.releaseHandle('net1.c1').ok)
    t.match(world.view.text(`${blockPrefix}10.10.0.8-29`), '"sequenceNumberForAllocation":{"0":1795406400123456789,')
    t.equal(world.counts('net1.c1'), undefined)
    t.end()
  })

  t.test('answers to the name as far as its first carriage return', (t) => {
    const world = new World()
    world.block('10.0.0.0/30', 'host:node1', {
      allocations: [0, 1, null, null],
      unallocated: [2, 3],
      attributes: [{ handle_id: 'a\rold' }, { handle_id: 'ab' }],
    })
    world.handle('a', { '10.0.0.0/30': 1 })
    t.match(world.releaseHandle('a'), { value: { answer: { released: [mustParseAddress('10.0.0.0')] } } })
    t.end()
  })

  t.end()
})

t.test('a locked cluster, or one whose configuration cannot be read, takes nothing back', (t) => {
  const world = exampleWorld()
  const item = { address: mustParseAddress('10.10.0.8') }
  const refusals = (): readonly (readonly string[])[] =>
    [world.release([item]), world.releaseHandle('net1.c1')].map((result) =>
      result.ok ? [] : reasonsOf(result.refusal),
    )
  world.put('/calico/ipam/v2/config', '[]')
  t.strictSame(refusals(), [['Conflict'], ['Conflict']])
  world.lockCluster()
  t.strictSame(refusals(), [['ServiceUnavailable'], ['ServiceUnavailable']])
  t.end()
})

t.test('an address in no pool is only believed to be free when the blocks have been read afresh', (t) => {
  const world = new World()
  planRelease(world.view, [{ address: mustParseAddress('10.0.0.1') }], world.context)
  t.ok(world.view.reads.has('index of blocks'))
  t.end()
})
