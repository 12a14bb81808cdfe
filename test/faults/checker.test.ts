import t from 'tap'
import { check, findLeftovers } from './checker.ts'
import type { Call, Change, History, Holding } from './history.ts'
import { retrace } from './retrace.ts'

/** A block of two addresses: who holds each, and by which number. */
function block(holders: readonly (readonly [handle: string, number: number] | null)[], number: number): Change {
  const attributes = holders.map((holder) => ({ handle_id: holder?.[0] ?? 'nobody' }))
  const allocations = holders.map((holder, ordinal) => (holder === null ? null : ordinal))
  const unallocated = allocations.flatMap((index, ordinal) => (index === null ? [ordinal] : []))
  const numbers = Object.fromEntries(
    holders.flatMap((holder, ordinal) => (holder === null ? [] : [[ordinal, holder[1]]])),
  )
  const stored = { cidr: '10.0.0.0/31', affinity: null, allocations, unallocated, attributes }
  const text = JSON.stringify({ ...stored, sequenceNumber: number, sequenceNumberForAllocation: numbers })
  return { key: '/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-31', text }
}

function handle(id: string, count: number): Change {
  const key = `/calico/ipam/v2/handle/${id}`
  return count === 0 ? { key } : { key, text: JSON.stringify({ block: { '10.0.0.0/31': count } }) }
}

const aHolds: Holding = { address: '10.0.0.0', handle: 'a', sequenceNumber: '1' }
const bHolds: Holding = { address: '10.0.0.0', handle: 'b', sequenceNumber: '3' }

function call(id: number, facts: Partial<Call> & Pick<Call, 'kind' | 'handle'>): Call {
  const times = { server: 0, invoked: id * 10, returned: id * 10 + 5 }
  return { id, ...times, outcome: 'ok', status: 200, count: 1, given: [], targets: [], released: [], ...facts }
}

const assignA = call(1, { kind: 'assign', handle: 'a', given: [aHolds] })
const releaseA = call(2, { kind: 'release', handle: 'a', targets: [aHolds], released: ['10.0.0.0'] })
const assignB = call(3, { kind: 'assign', handle: 'b', given: [bHolds] })
const taken = { revision: 2n, changes: [block([['a', 1], null], 2), handle('a', 1)] }
const freed = { revision: 3n, changes: [block([null, null], 3), handle('a', 0)] }
const retaken = { revision: 4n, changes: [block([['b', 3], null], 4), handle('b', 1)] }
const valid: History = { calls: [assignA, releaseA, assignB], revisions: [taken, freed, retaken] }

function invariants(history: History): readonly string[] {
  return [...new Set(check(history).map(({ invariant }) => invariant))]
}

t.test('a valid history has no violation', async (t) => {
  t.strictSame(check(valid), [])
  const unanswered: Call = { ...releaseA, outcome: 'unknown', returned: Infinity, released: [] }
  t.strictSame(check({ ...valid, calls: [assignA, unanswered, assignB] }), [], 'an unknown release may have been done')
  t.strictSame(check({ calls: [assignA, unanswered], revisions: [taken] }), [], 'or not')
})

const poolKey = '/calico/resources/v3/projectcalico.org/ippools/p'
const refusedB: Call = { ...assignB, outcome: 'refused', status: 503, given: [] }
const planted: Readonly<Record<string, readonly [history: History, invariant: string]>> = {
  'an address that two were told they hold': [
    { ...valid, calls: [assignA, { ...releaseA, invoked: 36 }, assignB] },
    'one-owner',
  ],
  'an address that lies in two blocks': [
    {
      ...valid,
      revisions: [
        taken,
        freed,
        retaken,
        { revision: 5n, changes: [{ ...block([null, null], 9), key: '/calico/ipam/v2/assignment/ipv4/block/x' }] },
      ],
    },
    'one-owner',
  ],
  'an acknowledged assignment that etcd never had': [{ ...valid, revisions: [taken, freed] }, 'durable'],
  'an acknowledged assignment that goes away by itself': [{ ...valid, calls: [assignA, assignB] }, 'durable'],
  'an acknowledged release that was not done': [{ calls: [assignA, releaseA], revisions: [taken] }, 'durable'],
  'a hold after a 503': [{ ...valid, calls: [assignA, releaseA, refusedB] }, 'explained'],
  'a hold that nobody asked for': [{ ...valid, calls: [assignA, releaseA] }, 'explained'],
  'a hold that goes to another while it lasts': [
    {
      calls: [assignA, assignB],
      revisions: [taken, { revision: 4n, changes: [block([['b', 3], null], 4), handle('a', 0), handle('b', 1)] }],
    },
    'no-theft',
  ],
  'a number that is given twice': [
    {
      calls: [assignA, releaseA, { ...assignB, given: [{ ...bHolds, sequenceNumber: '1' }] }],
      revisions: [taken, freed, { revision: 4n, changes: [block([['b', 1], null], 4), handle('b', 1)] }],
    },
    'order',
  ],
  'a number of a block that falls': [
    { ...valid, revisions: [taken, freed, { ...retaken, changes: [block([['b', 3], null], 1), handle('b', 1)] }] },
    'order',
  ],
  'a repeated call with two effects': [
    {
      calls: [
        { ...assignA, idempotencyKey: 'k' },
        call(4, { kind: 'assign', handle: 'a', idempotencyKey: 'k', given: [aHolds] }),
      ],
      revisions: [
        taken,
        {
          revision: 3n,
          changes: [
            block(
              [
                ['a', 1],
                ['a', 2],
              ],
              3,
            ),
            handle('a', 2),
          ],
        },
      ],
    },
    'repeat',
  ],
  'one of two addresses asked for': [{ calls: [{ ...assignA, count: 2 }], revisions: [taken] }, 'all-or-nothing'],
  'a handle that says more than its blocks': [
    { calls: [assignA], revisions: [{ ...taken, changes: [block([['a', 1], null], 2), handle('a', 2)] }] },
    'agreement',
  ],
  'a pool that is gone before its blocks': [
    {
      ...valid,
      revisions: [
        { revision: 1n, changes: [{ key: poolKey, text: '{"spec":{"cidr":"10.0.0.0/30"}}' }] },
        ...valid.revisions,
        { revision: 5n, changes: [{ key: poolKey }] },
      ],
    },
    'agreement',
  ],
  'a claim without its block': [
    {
      ...valid,
      revisions: [
        ...valid.revisions,
        {
          revision: 5n,
          changes: [{ key: '/calico/ipam/v2/host/n/ipv4/block/10.0.0.0-31', text: '{"state":"confirmed"}' }],
        },
      ],
    },
    'agreement',
  ],
}

for (const [name, [history, invariant]] of Object.entries(planted)) {
  t.test(`found: ${name}`, async (t) => {
    // One mistake may go against several invariants.
    t.ok(invariants(history).includes(invariant), invariants(history).join())
  })
}

/** A call for two addresses whose two writes others can see apart, with the outcome that its caller got. */
const half = { revision: 3n, changes: [block([['a', 1], null], 3)] }
const whole = {
  revision: 4n,
  changes: [
    block(
      [
        ['a', 1],
        ['a', 3],
      ],
      4,
    ),
  ],
}
const undone = { revision: 5n, changes: [block([null, null], 5)] }
const counted = { revision: 2n, changes: [handle('a', 2)] }
const uncounted = { revision: 6n, changes: [handle('a', 0)] }
const given = [aHolds, { address: '10.0.0.1', handle: 'a', sequenceNumber: '3' }]
const two: Call = { ...assignA, count: 2, given }
const refusedTwo: Call = { ...two, outcome: 'refused', status: 409, given: [] }

/** Histories of a store without transactions: what is wrong in them, and how much is left to recover. */
const objects: Readonly<Record<string, readonly [history: History, invariants: readonly string[], leftovers: number]>> =
  {
    'object by object, to the end': [{ calls: [two], revisions: [counted, half, whole] }, [], 0],
    'undone after a refusal': [{ calls: [refusedTwo], revisions: [counted, half, undone, uncounted] }, [], 0],
    'a refusal, and the handle counts too much': [{ calls: [refusedTwo], revisions: [counted, half, undone] }, [], 1],
    'a refusal, and an address is left': [
      { calls: [refusedTwo], revisions: [counted, half] },
      ['explained', 'all-or-nothing'],
      1,
    ],
    'half of what was acknowledged': [{ calls: [two], revisions: [counted, half] }, ['durable', 'all-or-nothing'], 1],
    'undone after it was acknowledged': [
      { calls: [two], revisions: [counted, half, whole, undone, uncounted] },
      ['durable'],
      0,
    ],
    'an outcome that nobody knows, half of it': [
      { calls: [{ ...two, outcome: 'unknown', given: [] }], revisions: [counted, half] },
      ['all-or-nothing'],
      1,
    ],
    'a block before its handle': [
      { calls: [assignA], revisions: [{ ...taken, changes: taken.changes.slice(0, 1) }] },
      ['agreement'],
      1,
    ],
    'an unfinished claim': [
      {
        calls: [],
        revisions: [
          {
            revision: 2n,
            changes: [{ key: '/calico/ipam/v2/host/n/ipv4/block/10.0.0.0-31', text: '{"state":"pending"}' }],
          },
        ],
      },
      [],
      1,
    ],
    'a complete claim of no block': [
      {
        calls: [],
        revisions: [
          {
            revision: 2n,
            changes: [{ key: '/calico/ipam/v2/host/n/ipv4/block/10.0.0.0-31', text: '{"state":"confirmed"}' }],
          },
        ],
      },
      ['agreement'],
      1,
    ],
  }

for (const [name, [history, expected, leftovers]] of Object.entries(objects)) {
  t.test(`without transactions: ${name}`, async (t) => {
    const written: History = { ...history, writeUnit: 'object' }
    t.strictSame(invariants(written).toSorted(), expected.toSorted())
    t.equal(findLeftovers(written).length, leftovers, findLeftovers(written).join())
  })
}

t.test('how the keys of a violation came to be what they are is told, claims beside their blocks', async (t) => {
  const claim = { key: '/calico/ipam/v2/host/n/ipv4/block/10.0.0.0-31' }
  const told = retrace([...valid.revisions, { revision: 5n, changes: [claim] }, { revision: 6n, changes: [] }], 5n)
  t.strictSame(
    told.map((line) => line.replace(/\{.*/, '').trim()),
    [
      'revision 2: /calico/ipam/v2/assignment/ipv4/block/10.0.0.0-31',
      'revision 3: /calico/ipam/v2/assignment/ipv4/block/10.0.0.0-31',
      'revision 4: /calico/ipam/v2/assignment/ipv4/block/10.0.0.0-31',
      'revision 5: /calico/ipam/v2/host/n/ipv4/block/10.0.0.0-31 deleted',
    ],
  )
  t.strictSame(retrace(valid.revisions, 9n), [])
})
