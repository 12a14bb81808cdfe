import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Random } from '../faults/random.ts'
import { Recorder } from '../faults/recorder.ts'
import { Replay } from '../faults/replay.ts'
import type { Answer } from '../support/http-client.ts'
import { allocationsIn, startIppoold } from '../support/ippoold.ts'
import { configKey, nodeKeyOf, nodeText, scenarioKeys, scenarioNodes } from '../support/scenario/cluster.ts'
import { type GrantedCall, HistoryRules } from '../support/scenario/history-rules.ts'
import {
  assignNaively,
  free,
  NaiveAssignment,
  type NaiveItem,
  type NaiveWish,
  releaseNaively,
} from '../support/scenario/naive-rules.ts'
import { NaiveState } from '../support/scenario/naive-state.ts'
import { randomLabels, randomWish } from '../support/scenario/wishes.ts'

/**
 * Fifty nodes in three zones, four pools, two overlapping reservations. What callers ask one after the other is compared with naive
 * rules, key by key. What thirty-two callers ask at once has no single right outcome: each address given is judged by the very
 * revision that it was decided on, while nodes change their zone and strict affinity is switched on.
 */

const seed = Number(process.env['SCENARIO_SEED'] ?? Date.now() % 1_000_000)
const callers = 32
const callsPerCaller = 25
const random = new Random(seed)
t.comment(`seed ${String(seed)}; repeat with SCENARIO_SEED=${String(seed)}`)

const { call, clients, etcd, keys } = await startIppoold(t, { servers: 2, stored: scenarioKeys() })
const recorder = new Recorder([etcd.endpoint], '/calico/')
t.teardown(() => {
  recorder.close()
})

interface Held {
  readonly address: string
  readonly handle: string
  readonly sequenceNumber: string
}

let handles = 0
const granted = new Map<string, GrantedCall>()

function newHandle(): string {
  return `h-${String(handles++)}`
}

async function readState(): Promise<NaiveState> {
  return NaiveState.of(await keys.dump('/calico/'))
}

function bodyOf({ pools = [], ...wish }: NaiveWish): object {
  return pools.length === 0 ? wish : { ...wish, pools }
}

function remember(wish: NaiveWish, answer: Answer): readonly Held[] {
  const given = allocationsIn(answer)
  if (answer.status === 201) granted.set(wish.handle, { wish, given })
  return given.map(({ address, handle, sequenceNumber }) => ({ address, handle, sequenceNumber }))
}

/** A block that is made takes its number from the clock, which the naive rules do not have: from there on it must be right. */
function settleNumbers(expected: NaiveState, actual: NaiveState): void {
  for (const [cidr, block] of expected.blocks) {
    const clock = (actual.blocks.get(cidr)?.number ?? 0n) - block.number
    if (block.number > 1_000_000n) continue
    block.number += clock
    for (const [place, number] of block.numbers) block.numbers.set(place, number + clock)
  }
}

/** Assigns, and compares answer and etcd with the naive rules. */
async function assignExactly(before: NaiveState, wish: NaiveWish): Promise<NaiveState> {
  const nowMs = Date.now()
  const answer = await call('POST', '/ipam/v1/assign', bodyOf(wish))
  const after = await readState()
  const given = remember(wish, answer)
  const expected = before.copy()
  const addresses = given.map(({ address }) => address)
  const { partial = false, ipv4 = 0, ipv6 = 0 } = wish
  if (wish.addresses !== undefined) {
    const outcome = assignNaively(expected, wish)
    if (typeof outcome === 'string') assert.equal(answer.body['reason'], outcome)
    else assert.deepEqual(addresses, outcome)
  } else {
    const taken = ([4, 6] as const).flatMap((family) => {
      const ofFamily = allocationsIn(answer).filter(({ address }) => address.includes(':') === (family === 6))
      return new NaiveAssignment(expected, wish, family, answer.status === 201 ? ofFamily : undefined, nowMs).run()
    })
    const isEnough = taken.length === ipv4 + ipv6 || (partial && taken.length > 0)
    if (answer.status === 201) assert.deepEqual(addresses, taken)
    else assert.equal(answer.body['reason'], 'InsufficientAddresses')
    assert.equal(answer.status === 201, isEnough, `${String(taken.length)} could be had`)
  }
  const settled = answer.status === 201 ? expected : before
  settleNumbers(settled, after)
  assert.deepEqual(after.plain(), settled.plain())
  return after
}

/** Releases addresses, or all of a handle, and compares answer and etcd with the naive rules. */
async function releaseExactly(before: NaiveState, items: readonly NaiveItem[] | string): Promise<NaiveState> {
  const expected = before.copy()
  if (typeof items === 'string') {
    const held = [...before.holders()].flatMap(([address, handle]) => (handle === items ? [address] : []))
    const answer = await call('DELETE', `/ipam/v1/handles/${items}`)
    assert.equal(answer.status, held.length > 0 ? 200 : 404)
    free(expected, held)
    assert.deepEqual([...((answer.body['released'] as string[] | undefined) ?? [])].sort(), held.sort())
  } else {
    const answer = await call('POST', '/ipam/v1/release', { addresses: items })
    const outcome = releaseNaively(expected, items)
    const isRefused = outcome.released.length + outcome.unallocated.length === 0
    assert.equal(answer.status, isRefused ? 409 : 200)
    if (isRefused) return before
    const { released, unallocated, failed } = answer.body as unknown as Record<'released' | 'unallocated', string[]> & {
      readonly failed: readonly { readonly address: string }[]
    }
    assert.deepEqual([...released].sort(), [...outcome.released].sort())
    assert.deepEqual([...unallocated].sort(), [...outcome.unallocated].sort())
    assert.deepEqual(failed.map(({ address }) => address).sort(), [...outcome.failed].sort())
  }
  const after = await readState()
  assert.deepEqual(after.plain(), expected.plain())
  return after
}

/** Addresses to give back: held ones, on right and wrong conditions, and others. */
function randomItems(state: NaiveState): readonly NaiveItem[] {
  const held = [...state.holders()]
  const items = Array.from({ length: 1 + random.below(4) }, (): NaiveItem => {
    if (held.length === 0 || random.below(8) === 0)
      return { address: random.pick(['10.70.0.99', '10.99.0.1', 'fd00:70::f0']) }
    const [address, handle] = random.pick(held)
    const number = granted.get(handle)?.given.find((given) => given.address === address)?.sequenceNumber ?? '0'
    return random.pick([
      { address },
      { address, handle },
      { address, handle, sequenceNumber: number },
      { address, handle: 'nobody' },
      { address, sequenceNumber: String(BigInt(number) + 1n) },
    ])
  })
  return [...new Map(items.map((item) => [item.address, item])).values()]
}

/** Few nodes, so that each has blocks that run full, fall empty, and fit its labels no more. */
const few = scenarioNodes.slice(0, 6)

/** So many random calls, one after the other. */
async function playExactly(steps: number): Promise<void> {
  let state = await readState()
  for (let step = 0; step < steps; step++) {
    const held = [...state.holders().values()]
    const choice = random.below(10)
    const wish = randomWish(random, newHandle(), few)
    const what = choice < 5 ? JSON.stringify(wish) : 'a release'
    try {
      if (choice < 5) state = await assignExactly(state, wish)
      else if (choice < 6) state = await releaseExactly(state, randomItems(state))
      else if (choice < 8) state = await releaseExactly(state, held.length > 0 ? random.pick(held) : 'nobody')
      else {
        await relabel(random, few)
        state = await readState()
      }
    } catch (error) {
      throw new Error(`seed ${String(seed)}, step ${String(step)}, ${what}`, { cause: error })
    }
  }
}

async function relabel(by: Random, nodes: readonly string[]): Promise<void> {
  const node = by.pick(nodes)
  await keys.put(nodeKeyOf(node), nodeText(node, randomLabels(by)))
}

t.test('one call after the other: answers and keys are those of the naive rules', async (t) => {
  await playExactly(120)
  t.pass('all steps agree')
})

t.test(`${String(callers)} callers at once, while nodes change zones and strict affinity is switched on`, async (t) => {
  await recorder.finish()
  const before = await readState()
  const grantedBefore = new Set(granted.keys())
  const history = new Recorder([etcd.endpoint], '/calico/')
  t.teardown(() => {
    history.close()
  })
  let calls = 0
  const unexpected: string[] = []
  const statuses = new Map<number, number>()
  const work = async (caller: number): Promise<void> => {
    const own = new Random(seed + caller + 1)
    const client = clients[caller % clients.length]
    assert(client !== undefined)
    const held: Held[] = []
    for (let turn = 0; turn < callsPerCaller; turn++) {
      if (++calls === (callers * callsPerCaller) / 2) await keys.put(configKey, strictConfig)
      if (calls % 16 === 0) await relabel(own, scenarioNodes)
      const oldest = held.length > 6 || own.below(5) < 2 ? held.shift() : undefined
      const wish = randomWish(own, newHandle(), scenarioNodes)
      const answer =
        oldest === undefined
          ? await client.call('POST', '/ipam/v1/assign', bodyOf(wish))
          : await client.call('POST', '/ipam/v1/release', { addresses: [oldest] })
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      if (oldest === undefined) held.push(...remember(wish, answer))
      else if (JSON.stringify(answer.body['released']) !== JSON.stringify([oldest.address]))
        unexpected.push(JSON.stringify(answer.body))
      if (![200, 201, 409, 422].includes(answer.status)) unexpected.push(JSON.stringify(answer.body))
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => work(caller)))
  t.comment(`statuses: ${JSON.stringify(Object.fromEntries(statuses))}`)
  t.strictSame(unexpected.slice(0, 5), [])
  await history.finish()
  const since = history.revisions.filter(({ revision }) => revision > recorder.seen)
  const grantedSince = new Map([...granted].filter(([handle]) => !grantedBefore.has(handle)))
  const rules = new HistoryRules(before, since, grantedSince)
  t.comment(`${String(since.length)} revisions, ${String(rules.count)} assignments`)
  t.strictSame(rules.violations.slice(0, 10), [], `every address was given by the rules; seed ${String(seed)}`)
  t.strictSame(new Replay(history.revisions).violations.slice(0, 10), [], 'one owner, no gaps, all counts agree')
  t.ok(
    since.some(({ changes }) => changes.some(({ key }) => key === configKey)),
    'strict affinity came half-way',
  )
})

const strictConfig = '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":3}'

t.test('and again one call after the other, on what that has left, under strict affinity', async (t) => {
  // The servers have fought over blocks, and what was fought over is the last choice for a while (decision 0013).
  await sleep(3_000)
  await playExactly(80)
  t.pass('all steps agree')
})

t.test('in the end everything is given back, and nothing is left but the blocks of nodes', async (t) => {
  let state = await readState()
  for (const handle of state.handles.keys()) state = await releaseExactly(state, handle)
  t.equal(state.holders().size, 0)
  t.equal(state.handles.size, 0)
  t.strictSame(
    [...state.claims.keys()].sort(),
    [...state.blocks].map(([cidr, { affinity }]) => `${String(affinity).slice('host:'.length)} ${cidr}`).sort(),
  )
})
