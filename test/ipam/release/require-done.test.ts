import t from 'tap'
import { type OutcomeOfRelease, planReleaseAddress, requireAnyDone } from '../../../src/ipam/index.ts'
import { mustParseAddress } from '../../../src/net/index.ts'
import { reasonsOf, World } from '../../support/ipam-world.ts'

const [first, second] = [mustParseAddress('10.0.0.1'), mustParseAddress('fd00::1')]
const mismatch = { address: second, reason: 'HandleMismatch', message: 'not yours' } as const
const stale = { address: first, reason: 'SequenceNumberMismatch', message: 'too late' } as const
const unreadable = { address: first, reason: 'Unreadable', message: 'broken' } as const
const unavailable = { address: first, reason: 'Unavailable', message: 'away' } as const

t.test('a release is refused if no address is as the caller says, and only then', (t) => {
  const cases: [name: string, outcome: Partial<OutcomeOfRelease>, causes: readonly string[] | undefined][] = [
    ['nothing was asked for', {}, undefined],
    ['one released', { released: [first], failed: [mismatch] }, undefined],
    ['one unallocated', { unallocated: [first], failed: [mismatch] }, undefined],
    ['one that the datastore did not answer for', { failed: [unavailable, mismatch] }, undefined],
    ['one with another handle', { failed: [mismatch] }, ['1.handle HandleMismatch']],
    ['both', { failed: [stale, mismatch] }, ['0.sequenceNumber SequenceNumberMismatch', '1.handle HandleMismatch']],
    ['one that cannot be read', { failed: [unreadable] }, ['0.address Unreadable']],
  ]
  for (const [name, outcome, causes] of cases) {
    const complete = { released: [], unallocated: [], failed: [], ...outcome }
    const items = [{ address: first }, { address: second }]
    const required = requireAnyDone(items, complete, (index, part) => `${String(index)}.${part}`)
    if (required.ok) t.equal(causes, undefined, name)
    else t.strictSame(reasonsOf(required.refusal), ['Conflict', ...(causes ?? [])], name)
  }
  t.match(
    requireAnyDone([{ address: second }], { released: [], unallocated: [], failed: [mismatch] }, () => 'x'),
    {
      refusal: { message: 'not yours; nothing was released.' },
    },
  )
  t.end()
})

t.test('one address is released, or refused and left as it is', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  world.take({ handle: 'h', addresses: ['10.0.0.1'] })
  const release = (handle?: string): unknown => {
    const item = { address: first, ...(handle !== undefined && { handle }) }
    const answer = world.commit(planReleaseAddress(world.view, item, world.context))
    return answer.ok ? answer.value.released : reasonsOf(answer.refusal)
  }
  const before = world.dump()
  t.strictSame(release('other'), ['Conflict', 'handle HandleMismatch'])
  t.strictSame(world.dump(), before)
  t.strictSame(release('h'), [first])
  t.strictSame(release('h'), ['NotFound'])
  world.put(world.blockKey('10.0.0.0/29').text, '{')
  t.strictSame(release(), ['Conflict', 'ip Unreadable'])
  world.lockCluster()
  t.strictSame(release(), ['ServiceUnavailable'])
  t.end()
})
