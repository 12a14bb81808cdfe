import fc from 'fast-check'
import t from 'tap'
import { planReleaseBlocks, planReleaseHandle } from '../../src/ipam/index.ts'
import {
  affinities,
  affinityKey,
  annexKey,
  type Block,
  blocks,
  confirmedAffinity,
  formatAffinity,
  type Handle,
  handleKey,
  handleOf,
  isHeld,
  parseAffinityKey,
  blockKey,
  storedAnswerKey,
} from '../../src/model/index.ts'
import { mustParseAddress, mustParseCidr, ordinal } from '../../src/net/index.ts'
import { inOrder, type Key, type Plan, put, remove, type Result, type Write } from '../../src/plan/index.ts'
import { blockOf } from '../support/indexed-blocks.ts'
import { handlePrefix, World } from '../support/ipam-world.ts'

const cidr = '10.0.0.0/29'
const key = handleKey('h')
const affinity = affinityKey({ type: 'host', name: 'n' }, mustParseCidr(cidr))
const block = { key: blockKey(mustParseCidr(cidr)), value: blockOf(cidr, 'host:n', 2) }

/** The block before anything is assigned from it. */
const emptyBlock: readonly [Key<unknown>, unknown] = [block.key, blockOf(cidr, 'host:n')]

function handleWith(counts: Readonly<Record<string, number>>): Handle {
  const decoded = key.family.decode(key.text, JSON.stringify({ block: counts, deleted: false }))
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

/** Each write as `family key value`, or `family key gone`. */
function printed(writes: readonly Write[]): readonly string[] {
  return writes.map((write) => {
    const text = write.kind === 'delete' ? 'gone' : write.encode()
    const isEmpty = write.key === block.key && /"allocations":\[(null,)*null\]/.test(text)
    const value = isEmpty
      ? 'empty'
      : (/"(state|block)":("\w+"|\{[^}]*\})/.exec(text)?.[2] ?? (write.kind === 'delete' ? 'gone' : 'stored'))
    return `${write.key.family.name} ${value}`
  })
}

function ordered(writes: readonly Write[], before: ReadonlyMap<Key<unknown>, unknown> = new Map()): readonly string[] {
  return printed(inOrder(writes, (key) => before.get(key)))
}

t.test(
  'a claim and its first addresses: affinity, empty block and handle before the block, and the affinity is confirmed after it',
  (t) => {
    const writes = [put(block.key, block.value), put(affinity, confirmedAffinity), put(key, handleWith({ [cidr]: 2 }))]
    t.strictSame(ordered(writes), [
      'affinities "pending"',
      'blocks empty',
      'handles {"10.0.0.0/29":2}',
      'blocks stored',
      'affinities "confirmed"',
    ])
    t.end()
  },
)

t.test('a block that is given up: the affinity goes last', (t) => {
  const writes = [remove(affinity), remove(block.key)]
  t.strictSame(ordered(writes, new Map<Key<unknown>, unknown>([[affinity, confirmedAffinity]])), [
    'affinities "pendingDeletion"',
    'blocks gone',
    'affinities gone',
  ])
  t.end()
})

t.test('a handle leads as far as it grows, and follows as far as it shrinks', (t) => {
  const before = new Map<Key<unknown>, unknown>([emptyBlock, [key, handleWith({ a: 2, b: 2 })]])
  const handle = (counts: Readonly<Record<string, number>>) => [
    put(block.key, block.value),
    put(key, handleWith(counts)),
  ]
  t.strictSame(ordered(handle({ a: 3, b: 2, c: 1 }), before), ['handles {"a":3,"b":2,"c":1}', 'blocks stored'])
  t.strictSame(ordered(handle({ a: 1 }), before), ['blocks stored', 'handles {"a":1}'])
  t.strictSame(ordered(handle({ a: 1, c: 1 }), before), [
    'handles {"a":2,"b":2,"c":1}',
    'blocks stored',
    'handles {"a":1,"c":1}',
  ])
  t.strictSame(ordered([remove(key), put(block.key, block.value)], before), ['blocks stored', 'handles gone'])
  t.end()
})

t.test('a state of an affinity that is only repeated is written once, with its block', (t) => {
  const pending = { ...confirmedAffinity, state: 'pending' } as const
  const before = new Map<Key<unknown>, unknown>([emptyBlock, [affinity, pending]])
  t.strictSame(ordered([put(block.key, block.value), put(affinity, confirmedAffinity)], before), [
    'blocks stored',
    'affinities "confirmed"',
  ])
  t.strictSame(ordered([put(block.key, block.value), put(affinity, pending)], new Map([emptyBlock])), [
    'affinities "pending"',
    'blocks stored',
  ])
  t.strictSame(ordered([put(block.key, block.value), put(affinity, pending)], before), [
    'blocks stored',
    'affinities "pending"',
  ])
  const going = new Map<Key<unknown>, unknown>([emptyBlock, [affinity, { ...pending, state: 'pendingDeletion' }]])
  t.strictSame(ordered([put(block.key, block.value), put(affinity, confirmedAffinity)], going), [
    'affinities "pending"',
    'blocks stored',
    'affinities "confirmed"',
  ])
  t.strictSame(ordered([remove(affinity), remove(block.key)], going), ['blocks gone', 'affinities gone'])
  t.end()
})

t.test('records come last but for annexes, deletions after what is stored, and keys in order', (t) => {
  const annex = { uid: 'u', generation: 1, spec: {}, metadata: {} }
  const answer = put(storedAnswerKey('k', 0), { request: '', body: '' })
  const other = { key: blockKey(mustParseCidr('10.0.0.8/29')), value: blockOf('10.0.0.8/29', null) }
  const writes = [
    answer,
    remove(annexKey('ippools', 'a')),
    put(annexKey('ippools', 'b'), annex),
    put(other.key, other.value),
    put(block.key, block.value),
  ]
  t.strictSame(
    inOrder(writes, (key) => (key === block.key ? emptyBlock[1] : undefined)).map(({ key }) => key.text),
    [
      annexKey('ippools', 'b').text,
      block.key.text,
      other.key.text,
      storedAnswerKey('k', 0).text,
      annexKey('ippools', 'a').text,
    ],
  )
  t.end()
})

/** One change of a cluster, as a plan over the world. */
type Change = (world: World) => void

const nodes = ['n1', 'n2']
const names = ['h1', 'h2', 'h3']

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc
    .record({
      handle: fc.constantFrom(...names),
      node: fc.constantFrom(undefined, ...nodes),
      ipv4: fc.integer({ min: 1, max: 7 }),
    })
    .map((wish) => (world: World) => void world.assign(wish)),
  fc.uniqueArray(fc.integer({ min: 0, max: 31 }), { minLength: 1, maxLength: 6 }).map((hosts) => (world: World) => {
    world.release(hosts.map((host) => ({ address: mustParseAddress(`10.0.0.${host}`) })))
  }),
  fc.constantFrom(...names).map((handle) => (world: World) => void world.releaseHandle(handle)),
  fc.record({ node: fc.constantFrom(...nodes), onlyIfEmpty: fc.boolean() }).map((scope) => (world: World) => {
    world.view.reads.clear()
    world.commit(planReleaseBlocks(world.view, scope, '', world.context))
  }),
)

/** A world that stops half-way through a plan when told to. */
class StoppingWorld extends World {
  /** The states that a store without transactions could be left in by the plans so far, and what each plan itself leaves. */
  readonly left: { readonly states: readonly World[]; readonly whole: World }[] = []

  override commit<Answer>(plan: Plan<Answer>): Answer {
    const before = (key: Key<unknown>): unknown => {
      const text = this.view.text(key.text)
      const decoded = text === undefined ? undefined : key.family.decode(key.text, text)
      return decoded?.ok === true ? decoded.value : undefined
    }
    const writes = inOrder(plan.writes, before)
    const states = writes.map((_, count) => {
      const state = copyOf(this)
      for (const { key, ...write } of writes.slice(0, count + 1)) {
        if (write.kind === 'delete') state.remove(key.text)
        else state.put(key.text, write.encode())
      }
      return state
    })
    const answer = super.commit(plan)
    this.left.push({ states, whole: copyOf(this) })
    return answer
  }
}

function copyOf(world: World): World {
  const copy = new World()
  copy.nanoseconds = world.nanoseconds
  for (const [key, text] of world.dump()) if (text !== undefined) copy.put(key, text)
  return copy
}

function storedBlocks(world: World): readonly Block[] {
  return world.dump(blocks.prefix).flatMap(([key, text]) => {
    const decoded = blocks.decode(key, text ?? '')
    return decoded.ok ? [decoded.value] : []
  })
}

/** How many addresses each handle holds in a block. */
function holdings(block: Block): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const place of block.allocations.keys()) {
    const handle = isHeld(block, ordinal(place)) ? handleOf(block, ordinal(place)) : undefined
    if (handle !== undefined) counts.set(handle, (counts.get(handle) ?? 0) + 1)
  }
  return counts
}

/** What is wrong with a state in which a store without transactions may stop. */
function faultsOf(world: World): readonly string[] {
  const faults: string[] = []
  const byKey = new Map(storedBlocks(world).map((block) => [blockKey(block.cidr).text, block]))
  for (const [text, block] of byKey) {
    const cidr = text.slice(text.lastIndexOf('/') + 1).replace('-', '/')
    for (const [handle, held] of holdings(block)) {
      const counts = JSON.parse(world.counts(handle) ?? '{}') as Readonly<Record<string, number>>
      if ((counts[cidr] ?? 0) < held) faults.push(`${handle} counts too few in ${cidr}`)
    }
  }
  for (const [text, value] of world.dump(affinities.prefix)) {
    const claim = parseAffinityKey(text)
    if (claim === undefined || value?.includes('"confirmed"') !== true) continue
    const owner = byKey.get(blockKey(claim.cidr).text)?.affinity
    if (owner !== formatAffinity(claim.host))
      faults.push(`${text} is confirmed, and its block is ${owner ?? 'nobody'}'s`)
  }
  return faults
}

/** What goes wrong when the next callers go on from a state: everything can be released, and everything assigned again. */
function faultsAfter(world: World): readonly string[] {
  const faults: string[] = []
  const carryOut = <Answer>(what: string, plan: Plan<Result<Answer>>): void => {
    const answer = world.commit(plan)
    if (!answer.ok && answer.refusal.reason !== 'NotFound') faults.push(`${what}: ${answer.refusal.message}`)
  }
  for (const handle of names) {
    world.view.reads.clear()
    carryOut(`release ${handle}`, planReleaseHandle(world.view, handle, '', world.context))
  }
  for (const block of storedBlocks(world)) if (holdings(block).size > 0) faults.push('an address is held after all')
  for (const node of [undefined, ...nodes]) {
    const assigned = world.assign({ handle: 'next', node, ipv4: 8 })
    if (!assigned.ok) faults.push(`assign on ${node ?? 'no node'}: ${assigned.refusal.message}`)
  }
  if (faultsOf(world).length > 0) faults.push(...faultsOf(world))
  return faults
}

t.test('a store that stops after any of the ordered writes leaves a state that the next plans accept', (t) => {
  let checked = 0
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.array(changes, { minLength: 1, maxLength: 8 }), (steps) => {
        const world = new StoppingWorld()
        world.pool('pool-a', '10.0.0.0/27', { blockSize: 29 })
        for (const node of nodes) world.node(node, {})
        for (const step of steps) {
          world.passSeconds(1)
          step(world)
        }
        for (const { states, whole } of world.left) {
          const last = states.at(-1)
          if (last !== undefined) expectSame(last.dump(), whole.dump())
          for (const state of states) {
            expectSame(faultsOf(state), [])
            expectSame(faultsAfter(state), [])
            checked++
          }
        }
      }),
      { numRuns: 100 },
    )
  })
  t.ok(checked > 200, `${checked} states`)
  t.end()
})

function expectSame(found: unknown, wanted: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`found ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
  }
}

t.test('the same check finds what an order without leads would leave', (t) => {
  const world = new World()
  world.pool('pool-a', '10.0.0.0/27', { blockSize: 29 })
  world.node('n1', {})
  world.assign({ handle: 'h1', node: 'n1', ipv4: 2 })
  world.remove(`${handlePrefix}h1`)
  t.strictSame(faultsOf(world), ['h1 counts too few in 10.0.0.0/29'])
  world.remove(
    storedBlocks(world)
      .map(({ cidr }) => blockKey(cidr).text)
      .join(),
  )
  t.match(faultsOf(world), [/is confirmed, and its block is nobody's/])
  t.end()
})
