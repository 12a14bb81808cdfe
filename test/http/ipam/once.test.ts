import t from 'tap'
import { planOnce } from '../../../src/http/ipam/idempotency.ts'
import { handleKey, storedAnswerKey } from '../../../src/model/index.ts'
import { answerOnly, type Plan, put, refuse, type Result, success } from '../../../src/plan/index.ts'
import { World } from '../../support/ipam-world.ts'

const call = { key: 'a key', request: 'digest' }
const answerKey = storedAnswerKey(call.key, 0).text

/** Plans a part of the call, and prints its answer as an object. */
function plan(world: World, change: () => Plan<Result<string>>, once = call, part = 0) {
  return planOnce(world.view, once, part, change, (made) => ({ made }))
}

/** A change that can be counted: it makes a handle each time. */
function changing(world: World): () => Plan<Result<string>> {
  return () => {
    const key = handleKey(`h${world.view.keys('/calico/').length}`)
    world.view.get(key)
    const handle = { blocks: new Map(), deleted: false, unknownFields: {} }
    return { answer: success(key.text), writes: [put(key, handle)] }
  }
}

t.test('a call takes effect once, and is answered alike each time', (t) => {
  const world = new World()
  const key = '/calico/ipam/v2/handle/h0'
  t.strictSame(world.commit(plan(world, changing(world))), success({ isRepeated: false, answer: key }))
  for (const _ of [2, 3]) {
    const text = JSON.stringify({ made: key })
    t.strictSame(world.commit(plan(world, changing(world))), success({ isRepeated: true, text }))
  }
  t.strictSame(world.view.keys('/calico/'), ['/calico/ipam/v2/handle/h0'])
  t.end()
})

t.test('the answer is written with the change, and expires', (t) => {
  const world = new World()
  const { writes } = plan(world, changing(world))
  t.strictSame(
    writes.map((write) => [write.key.text, write.kind === 'put' && write.isExpiring]),
    [
      ['/calico/ipam/v2/handle/h0', false],
      [answerKey, true],
    ],
  )
  t.ok(world.view.reads.has(answerKey), 'that it was not there is proved')
  t.end()
})

t.test('other keys, and other parts of the same call, are calls of their own', (t) => {
  const world = new World()
  world.commit(plan(world, changing(world)))
  world.commit(plan(world, changing(world), call, 1))
  world.commit(plan(world, changing(world), { ...call, key: 'another key' }))
  t.equal(world.view.keys('/calico/').length, 3)
  t.end()
})

t.test('the key of another call is refused, and so is one whose answer cannot be read', (t) => {
  const world = new World()
  world.commit(plan(world, changing(world)))
  const before = world.dump()
  const other = plan(world, changing(world), { ...call, request: 'another digest' })
  t.match(world.commit(other), { ok: false, refusal: { reason: 'IdempotencyKeyReused', message: /"a key"/ } })
  t.strictSame(world.dump(), before)
  world.put(answerKey, '[')
  t.match(world.commit(plan(world, changing(world))), { ok: false, refusal: { reason: 'Conflict' } })
  t.equal(world.view.text(answerKey), '[')
  t.end()
})

t.test('a refusal is not stored: the call may be granted when it is sent again', (t) => {
  const world = new World()
  const refusing = (): Plan<Result<string>> => answerOnly(refuse('InsufficientAddresses', 'Nothing left.'))
  t.match(world.commit(plan(world, refusing)), {
    ok: false,
    refusal: { reason: 'InsufficientAddresses' },
  })
  t.strictSame(world.dump(), [])
  t.match(world.commit(plan(world, changing(world))), { ok: true })
  t.end()
})
