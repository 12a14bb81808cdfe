import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  hostOf,
  clearAffinity,
  type Attribute,
  type Block,
  blockKey,
  blocks,
  assignAutomatically,
  assignOrdinal,
  attributeOf,
  collectGarbage,
  handleOf,
  isCooling,
  isHeld,
  newBlock,
  ordinalsOfHandle,
  releaseOrdinalsOfHandle,
  releaseOrdinals,
  replaceAttribute,
  sequenceNumberOf,
  reserveForHost,
  formatTime,
  type Now,
  nanosecondsPerSecond,
} from '../../../src/model/index.ts'
import { mustParseCidr, type Ordinal, ordinal } from '../../../src/net/index.ts'

const start: Now = { nanoseconds: 1795406400123456789n }
const node1 = { type: 'host', name: 'node1' } as const
const nothingReserved = (): boolean => false

function later(seconds: number): Now {
  return { nanoseconds: start.nanoseconds + BigInt(seconds) * nanosecondsPerSecond }
}

function mustAssign(block: Block, place: number, handle: string): Block {
  const after = assignOrdinal(block, ordinal(place), { handle })
  if (after === 'taken') throw new Error(`${place} is taken`)
  return after
}

/** A block of eight with the handles a, b and c at 0, 1 and 2. */
function threeHeld(): Block {
  const handles = ['a', 'b', 'c']
  return handles.reduce(
    (block, handle, place) => mustAssign(block, place, handle),
    newBlock(mustParseCidr('10.10.0.8/29'), node1, start),
  )
}

function places(...numbers: number[]): readonly Ordinal[] {
  return numbers.map(ordinal)
}

t.test('each change writes the block exactly as Calico does', (t) => {
  const web = (pod: string, timestamp: string): Readonly<Record<string, string>> => ({
    timestamp,
    pod,
    node: 'node1',
    namespace: 'default',
  })
  const created = newBlock(mustParseCidr('10.10.0.8/29'), node1, start)
  t.equal(
    blocks.encode(created),
    '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,null,null,null,null,null,null,null],"unallocated":[0,1,2,3,4,5,6,7],"attributes":null,"sequenceNumber":1795406400123456789,"sequenceNumberForAllocation":{},"deleted":false}',
  )
  const first = assignAutomatically(created, 2, nothingReserved, {
    handle: 'net1.c1',
    attributes: web('web-0', '2026-11-23 04:00:01.5 +0000 UTC'),
  })
  t.strictSame(first.ordinals, [0, 1])
  const second = assignAutomatically(first.block, 1, nothingReserved, {
    handle: 'net1.c2',
    attributes: web('web-1', '2026-11-23 04:00:05.25 +0000 UTC'),
  })
  t.strictSame(second.ordinals, [2])
  t.equal(
    blocks.encode(second.block),
    '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456791,"sequenceNumberForAllocation":{"0":1795406400123456789,"1":1795406400123456789,"2":1795406400123456790},"deleted":false}',
  )
  const third = releaseOrdinals(second.block, places(0), later(60), 0)
  t.strictSame([third.ordinals, third.notHeld], [[0], []])
  t.equal(
    blocks.encode(third.block),
    '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7,0],"attributes":[{"handle_id":"net1.c1","secondary":{"namespace":"default","node":"node1","pod":"web-0","timestamp":"2026-11-23 04:00:01.5 +0000 UTC"}},{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456792,"sequenceNumberForAllocation":{"1":1795406400123456789,"2":1795406400123456790},"deleted":false}',
  )
  const fourth = releaseOrdinals(third.block, places(1), later(61), 0)
  t.equal(
    blocks.encode(fourth.block),
    '{"cidr":"10.10.0.8/29","affinity":"host:node1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[null,null,0,null,null,null,null,null],"unallocated":[3,4,5,6,7,0,1],"attributes":[{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456793,"sequenceNumberForAllocation":{"2":1795406400123456790},"deleted":false}',
  )
  t.equal(
    blocks.encode(clearAffinity(fourth.block)),
    '{"cidr":"10.10.0.8/29","affinity":null,"allocations":[null,null,0,null,null,null,null,null],"unallocated":[3,4,5,6,7,0,1],"attributes":[{"handle_id":"net1.c2","secondary":{"namespace":"default","node":"node1","pod":"web-1","timestamp":"2026-11-23 04:00:05.25 +0000 UTC"}}],"sequenceNumber":1795406400123456794,"sequenceNumberForAllocation":{"2":1795406400123456790},"deleted":false}',
  )
  t.end()
})

t.test('the last release leaves an empty list of attributes', (t) => {
  const block = mustAssign(newBlock(mustParseCidr('10.0.0.0/31'), null, start), 0, 'a')
  t.equal(
    blocks.encode(releaseOrdinals(block, places(0), start, 0).block),
    '{"cidr":"10.0.0.0/31","affinity":null,"allocations":[null,null],"unallocated":[1,0],"attributes":[],"sequenceNumber":1795406400123456791,"sequenceNumberForAllocation":{},"deleted":false}',
  )
  t.end()
})

t.test('a block may have no affinity', (t) => {
  const block = newBlock(mustParseCidr('10.0.0.0/31'), null, start)
  t.equal(block.affinity, null)
  t.equal('affinityClaimTime' in block, false)
  t.equal(hostOf(block), undefined)
  t.equal(hostOf({ ...block, affinity: 'nobody' }), undefined)
  t.end()
})

t.test('a host may reserve the ends of a new block', (t) => {
  const block = newBlock(mustParseCidr('10.10.0.16/28'), { type: 'host', name: 'win1' }, start)
  const reserved = reserveForHost(block, { start: 3, end: 1 })
  t.equal(
    blocks.encode(reserved),
    '{"cidr":"10.10.0.16/28","affinity":"host:win1","affinity_claim_time":"2026-11-23T04:00:00Z","allocations":[0,0,0,null,null,null,null,null,null,null,null,null,null,null,null,0],"unallocated":[3,4,5,6,7,8,9,10,11,12,13,14],"attributes":[{"handle_id":"windows-reserved-ipam-handle","secondary":{"note":"windows host rsvd"}}],"sequenceNumber":1795406400123456789,"sequenceNumberForAllocation":{},"deleted":false}',
  )
  t.equal(reserveForHost(block, { start: 0, end: 0 }), block)
  t.strictSame(reserveForHost(block, { start: 20, end: 20 }).unallocated, [])
  t.end()
})

t.test('reserved ordinals are skipped and keep their place in the queue', (t) => {
  const block = newBlock(mustParseCidr('10.0.0.0/30'), node1, start)
  const isReserved = (place: Ordinal): boolean => place === 0 || place === 2
  const { block: after, ordinals } = assignAutomatically(block, 1, isReserved, { handle: 'a' })
  t.strictSame(ordinals, [1])
  t.strictSame(after.unallocated, [0, 2, 3])
  const rest = assignAutomatically(after, 5, isReserved, { handle: 'a' })
  t.strictSame([rest.ordinals, rest.block.unallocated], [[3], [0, 2]])
  const none = assignAutomatically(rest.block, 1, isReserved, { handle: 'a' })
  t.strictSame(none.ordinals, [])
  t.equal(none.block, rest.block, 'nothing to write')
  t.end()
})

t.test('addresses of one holder share an entry, others do not', (t) => {
  const block = threeHeld()
  const shared = mustAssign(block, 5, 'b')
  t.strictSame(shared.allocations, [0, 1, 2, null, null, 1, null, null])
  const other = assignAutomatically(shared, 1, nothingReserved, { handle: 'b', attributes: { pod: 'p' } })
  t.equal(other.block.allocations[3], 3)
  t.strictSame(attributeOf(other.block, ordinal(3)), { handle: 'b', active: { pod: 'p' } })
  t.end()
})

t.test('the entry of one ordinal is replaced, and of no other', (t) => {
  const block = mustAssign(threeHeld(), 5, 'b')
  const changed: Attribute = { handle: 'b', active: { pod: 'p' } }
  const split = replaceAttribute(block, ordinal(5), changed)
  t.strictSame(
    [split.allocations, split.attributes],
    [
      [0, 1, 2, null, null, 3, null, null],
      [{ handle: 'a' }, { handle: 'b' }, { handle: 'c' }, changed],
    ],
  )
  t.equal(split.sequenceNumber, block.sequenceNumber + 1n)
  t.strictSame(split.sequenceNumberForAllocation, block.sequenceNumberForAllocation, 'it is the same assignment')
  const joined = replaceAttribute(split, ordinal(1), changed)
  t.strictSame(
    [joined.allocations, joined.attributes],
    [
      [0, 2, 1, null, null, 2, null, null],
      [{ handle: 'a' }, { handle: 'c' }, changed],
    ],
  )
  const alone = replaceAttribute(joined, ordinal(0), { handle: 'a', alternate: { pod: 'q' } })
  t.strictSame(alone.attributes?.[0], { handle: 'a', alternate: { pod: 'q' } }, 'in its place')
  t.equal(replaceAttribute(alone, ordinal(5), { handle: 'b', active: { pod: 'p' } }), alone, 'nothing to write')
  t.throws(() => replaceAttribute(block, ordinal(7), changed), /the ordinal is free/)
  t.throws(() => replaceAttribute({ ...block, attributes: null }, ordinal(0), changed), /the ordinal is free/)
  t.end()
})

t.test('a named ordinal is assigned from any place in the queue, unless it is taken', (t) => {
  const block = threeHeld()
  t.strictSame(mustAssign(block, 5, 'd').unallocated, [3, 4, 6, 7])
  t.equal(assignOrdinal(block, ordinal(1), { handle: 'b' }), 'taken')
  const cooling = releaseOrdinals(block, places(1), start, 60).block
  t.equal(assignOrdinal(cooling, ordinal(1), { handle: 'b' }), 'taken')
  t.throws(() => assignOrdinal(block, ordinal(8), { handle: 'b' }), /no such ordinal/)
  t.end()
})

t.test('ordinals released together enter the queue ascending, whatever their order', (t) => {
  const { block, ordinals, notHeld } = releaseOrdinals(threeHeld(), places(2, 7, 0, 2, 3), start, 0)
  t.strictSame(
    [ordinals, notHeld],
    [
      [0, 2],
      [3, 7],
    ],
  )
  t.strictSame(block.unallocated, [3, 4, 5, 6, 7, 0, 2])
  t.strictSame(block.allocations, [null, 0, null, null, null, null, null, null])
  t.strictSame(block.attributes, [{ handle: 'b' }])
  t.end()
})

t.test('releasing ordinals that are not held changes nothing', (t) => {
  const block = threeHeld()
  const result = releaseOrdinals(block, places(3, 4), start, 0)
  t.strictSame([result.ordinals, result.notHeld], [[], [3, 4]])
  t.equal(result.block, block)
  t.equal(releaseOrdinalsOfHandle(block, 'z', start, 0).block, block)
  t.throws(() => releaseOrdinals(block, places(8), start, 0), /no such ordinal/)
  t.end()
})

t.test('a released address cools down, and is free when that is over', (t) => {
  const block = threeHeld()
  const released = releaseOrdinals(block, places(2, 0), later(600), 60).block
  t.match(
    blocks.encode(released),
    '"allocations":[1,0,1,null,null,null,null,null],"unallocated":[3,4,5,6,7],"attributes":[{"handle_id":"b"},{"releasedAt":"2026-11-23T04:10:00Z"}],"sequenceNumber":1795406400123456793,"sequenceNumberForAllocation":{"0":1795406400123456792,"1":1795406400123456790,"2":1795406400123456792}',
  )
  t.equal(isCooling(released, ordinal(0)), true)
  t.equal(isHeld(released, ordinal(0)), false)
  t.equal(handleOf(released, ordinal(0)), undefined)
  t.strictSame(releaseOrdinals(released, places(0), later(601), 60).notHeld, [0], 'a second release finds nothing')
  // The stored time is cut to the second, so 60 seconds after it is a fraction of a second early.
  const early: Now = { nanoseconds: 1795407060000000000n }
  t.equal(collectGarbage(released, early, 60), released)
  const over = collectGarbage(released, { nanoseconds: early.nanoseconds + 1n }, 60)
  t.strictSame(over.unallocated, [3, 4, 5, 6, 7, 0, 2])
  t.strictSame(over.attributes, [{ handle: 'b' }])
  t.strictSame(over.allocations, [null, 0, null, null, null, null, null, null])
  t.strictSame(
    over.sequenceNumberForAllocation.map((number) => number ?? 0n),
    [0n, 1795406400123456790n, 0n, 0n, 0n, 0n, 0n, 0n],
  )
  t.equal(over.sequenceNumber, released.sequenceNumber, 'collecting alone is no change')
  t.equal(collectGarbage(released, later(600), -1).unallocated.length, 7, 'a negative cooldown ends every cooldown')
  t.equal(collectGarbage(over, later(900), 60), over)
  t.end()
})

t.test('each release has a tombstone of its own', (t) => {
  const one = releaseOrdinals(threeHeld(), places(0), later(1), 60).block
  const two = releaseOrdinals(one, places(1), later(1), 60).block
  t.strictSame(two.attributes, [
    { handle: 'c' },
    { releasedAt: '2026-11-23T04:00:01Z' },
    { releasedAt: '2026-11-23T04:00:01Z' },
  ])
  t.strictSame(two.allocations, [1, 2, 0, null, null, null, null, null])
  t.end()
})

t.test('entries that no ordinal refers to are collected, the others keep their order', (t) => {
  const block = threeHeld()
  const littered: Block = {
    ...block,
    attributes: [{ handle: 'x' }, ...(block.attributes ?? []), { handle: 'y' }],
    allocations: [1, 2, 3, null, null, null, null, null],
  }
  const collected = collectGarbage(littered, start, 0)
  t.strictSame(collected.attributes, block.attributes)
  t.strictSame(collected.allocations, block.allocations)
  t.end()
})

t.test('a handle is released as a whole, and its addresses keep their numbers while they cool down', (t) => {
  const block = mustAssign(threeHeld(), 5, 'b\rrest')
  t.strictSame(ordinalsOfHandle(block, 'b'), [1, 5])
  t.strictSame(ordinalsOfHandle(block, 'b\rother'), [1, 5])
  const cooling = releaseOrdinalsOfHandle(block, 'b', later(1), 60)
  t.strictSame(cooling.ordinals, [1, 5])
  t.equal(sequenceNumberOf(cooling.block, ordinal(1)), sequenceNumberOf(block, ordinal(1)))
  t.equal(cooling.block.sequenceNumber, block.sequenceNumber + 1n)
  t.strictSame(ordinalsOfHandle(cooling.block, 'b'), [])
  const freed = releaseOrdinalsOfHandle(block, 'b', later(1), 0).block
  t.strictSame(freed.unallocated, [3, 4, 6, 7, 1, 5])
  t.equal(sequenceNumberOf(freed, ordinal(1)), 0n)
  t.end()
})

t.test('the holder of an ordinal is known', (t) => {
  const block = mustAssign(threeHeld(), 5, 'd\rrest')
  t.equal(handleOf(block, ordinal(5)), 'd')
  t.equal(handleOf(block, ordinal(6)), undefined)
  t.equal(isHeld(block, ordinal(5)), true)
  t.equal(isHeld(block, ordinal(6)), false)
  t.equal(isCooling(block, ordinal(6)), false)
  t.equal(attributeOf(block, ordinal(8)), undefined)
  t.equal(attributeOf({ ...block, attributes: null }, ordinal(0)), undefined)
  t.strictSame(ordinalsOfHandle(newBlock(block.cidr, node1, start), 'a'), [])
  t.equal(sequenceNumberOf(block, ordinal(5)), block.sequenceNumber - 1n)
  const nameless = assignOrdinal(threeHeld(), ordinal(3), {})
  t.equal(nameless === 'taken' ? nameless : handleOf(nameless, ordinal(3)), undefined)
  t.end()
})

/** The same rules, told without indexes: every ordinal refers to its entry directly. */
class NaiveBlock {
  queue: number[]
  entries: (Attribute | null)[]
  attributes: Attribute[] = []
  numbers = new Map<number, bigint>()
  number: bigint

  constructor(size: number, number: bigint) {
    this.queue = Array.from({ length: size }, (_, place) => place)
    this.entries = this.queue.map(() => null)
    this.number = number
  }

  assign(chosen: readonly number[], handle: string): void {
    if (chosen.length === 0) return
    let entry = this.attributes.find((entry) => entry.handle === handle)
    if (entry === undefined) this.attributes.push((entry = { handle }))
    for (const place of chosen) {
      this.queue.splice(this.queue.indexOf(place), 1)
      this.entries[place] = entry
      this.numbers.set(place, this.number)
    }
    this.number++
  }

  release(chosen: readonly number[], now: Now, cooldownSeconds: number, keepsNumbers: boolean): void {
    const held = chosen.filter((place) => this.entries[place]?.handle !== undefined)
    if (held.length === 0) return
    const entry: Attribute = { releasedAt: formatTime(now) }
    this.attributes.push(entry)
    for (const place of held) {
      this.entries[place] = entry
      if (!keepsNumbers) this.numbers.set(place, this.number)
    }
    if (cooldownSeconds === 0) this.free((other) => other === entry)
    this.attributes = this.attributes.filter((entry) => this.entries.includes(entry))
    this.number++
  }

  collect(now: Now, cooldownSeconds: number): void {
    const limit = Number(now.nanoseconds) / 1e9 - cooldownSeconds
    this.free(({ releasedAt }) => releasedAt !== undefined && Date.parse(releasedAt) / 1000 < limit)
    this.attributes = this.attributes.filter((entry) => this.entries.includes(entry))
  }

  free(isFree: (entry: Attribute) => boolean): void {
    for (const [place, entry] of this.entries.entries()) {
      if (entry === null || !isFree(entry)) continue
      this.entries[place] = null
      this.queue.push(place)
      this.numbers.delete(place)
    }
  }
}

type Step =
  | { readonly kind: 'assign'; readonly count: number; readonly handle: string; readonly reserved: number }
  | { readonly kind: 'assignOrdinal'; readonly place: Ordinal; readonly handle: string }
  | { readonly kind: 'release'; readonly places: readonly Ordinal[] }
  | { readonly kind: 'releaseHandle'; readonly handle: string }
  | { readonly kind: 'wait'; readonly seconds: number }

const size = 16
const handle = fc.constantFrom('a', 'b', 'c', 'd')
const place = fc.nat(size - 1).map(ordinal)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('assign' as const), count: fc.integer({ min: 0, max: 5 }), handle, reserved: place }),
  fc.record({ kind: fc.constant('assignOrdinal' as const), place, handle }),
  fc.record({ kind: fc.constant('release' as const), places: fc.array(place, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('releaseHandle' as const), handle }),
  fc.record({ kind: fc.constant('wait' as const), seconds: fc.nat(20) }),
)

/** Takes one step in both blocks; gives the block after it. */
function take(step: Step, block: Block, naive: NaiveBlock, now: Now, cooldownSeconds: number): Block {
  switch (step.kind) {
    case 'assign': {
      const free = naive.queue.filter((place) => place !== step.reserved).slice(0, step.count)
      naive.assign(free, step.handle)
      return assignAutomatically(block, step.count, (place) => place === step.reserved, { handle: step.handle }).block
    }
    case 'assignOrdinal': {
      if (naive.entries[step.place] === null) naive.assign([step.place], step.handle)
      const after = assignOrdinal(block, step.place, { handle: step.handle })
      return after === 'taken' ? block : after
    }
    case 'release':
      naive.release(step.places, now, cooldownSeconds, false)
      return releaseOrdinals(block, step.places, now, cooldownSeconds).block
    case 'releaseHandle': {
      const held = naive.entries.flatMap((entry, place) => (entry?.handle === step.handle ? [place] : []))
      naive.release(held, now, cooldownSeconds, true)
      return releaseOrdinalsOfHandle(block, step.handle, now, cooldownSeconds).block
    }
    case 'wait':
      return block
  }
}

t.test('any sequence of operations has the same result as on the naive block', (t) => {
  const cidr = mustParseCidr('10.0.0.0/28')
  const key = blockKey(cidr).text
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 10), (steps, cooldownSeconds) => {
        const naive = new NaiveBlock(size, start.nanoseconds)
        let block = newBlock(cidr, node1, start)
        let seconds = 0
        for (const step of steps) {
          if (step.kind === 'wait') seconds += step.seconds
          const now = later(seconds)
          naive.collect(now, cooldownSeconds)
          const before = collectGarbage(block, now, cooldownSeconds)
          block = take(step, before, naive, now, cooldownSeconds)

          const entries = block.allocations.map((index) => (index === null ? null : block.attributes?.[index]))
          assert.deepEqual(block.unallocated, naive.queue)
          assert.deepEqual(entries, naive.entries)
          assert.deepEqual(block.attributes ?? [], naive.attributes)
          assert.deepEqual(
            block.sequenceNumberForAllocation,
            block.allocations.map((_, place) => naive.numbers.get(place)),
          )
          assert.equal(block.sequenceNumber, naive.number)
          assert.equal(block.sequenceNumber > before.sequenceNumber, block !== before, 'only changes count')
          assert.equal(block.unallocated.length + entries.filter((entry) => entry !== null).length, size)
          const written = blocks.encode(block)
          const read = blocks.decode(key, written)
          assert.equal(read.ok && blocks.encode(read.value), written)
        }
      }),
    )
  })
  t.end()
})
