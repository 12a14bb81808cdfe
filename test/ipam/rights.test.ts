import t from 'tap'
import {
  findingFilter,
  planChangeHolders,
  planClaimBlocks,
  planCountHeld,
  planReadAddress,
  planReadBlocks,
  planReadFree,
  planReadHandle,
  planReadHolders,
  planReadUtilization,
  planReleaseBlocks,
  planRemoveNode,
  PoolsAtRevision,
  reachOf,
  selectReadable,
} from '../../src/ipam/index.ts'
import { type CheckCode, newFinding } from '../../src/ipam/check/finding.ts'
import { poolsIn } from '../../src/ipam/surroundings.ts'
import { pools as poolFamily } from '../../src/model/index.ts'
import { formatAddress, formatCidr, mustParseAddress, mustParseCidr } from '../../src/net/index.ts'
import type { Result } from '../../src/plan/index.ts'
import { reasonsOf, type Wish, World } from '../support/ipam-world.ts'
import { everythingOf, rightsBy, type WrittenRule } from '../support/rights.ts'

const blue = everythingOf('blue')
const own = everythingOf('blue', ['own.*', 'one'])
const all: WrittenRule = { verbs: ['*'], resources: ['*'] }
const reading: WrittenRule = { verbs: ['get', 'list'], resources: ['*'] }
const assigning: WrittenRule = { verbs: ['assign'], resources: ['addresses'] }

/** Two teams: `red` holds addresses in its pool, in that of the other team, and outside of all pools. */
function twoTeams(...rules: readonly WrittenRule[]): World {
  const world = new World()
  world.pool('blue', '10.1.0.0/24', { blockSize: 26 }, { metadata: { labels: { team: 'blue' } } })
  world.pool('red', '10.2.0.0/24', { blockSize: 26 }, { metadata: { labels: { team: 'red' } } })
  world.pool('lost', '10.3.0.0/24', { blockSize: 26 })
  for (const address of ['10.1.0.1', '10.2.0.1', '10.3.0.1'])
    world.take({ handle: 'red.1', addresses: [address], node: 'n' })
  world.take({ handle: 'own.1', addresses: ['10.1.0.2'], node: 'n' })
  world.remove('/calico/resources/v3/projectcalico.org/ippools/lost')
  world.rights = rightsBy(...rules)
  return world
}

/** The answer of a plan, or the reason of its refusal. */
function outcome<Value>(result: Result<Value>, print: (value: Value) => unknown): unknown {
  return result.ok ? print(result.value) : result.refusal.reason
}

t.test('where something may be done follows from the rules, the labels of the pools and the handle', (t) => {
  const action = { verb: 'get', resource: 'addresses' } as const
  const cases: [
    rules: WrittenRule[],
    range: string,
    handle: string | undefined,
    included: boolean,
    touched: boolean,
  ][] = [
    [[], '10.1.0.1/32', undefined, false, false],
    [[all], '10.9.0.1/32', undefined, true, true],
    [[blue], '10.1.0.1/32', undefined, true, true],
    [[blue], '10.1.0.0/24', 'h', true, true],
    [[blue], '10.2.0.1/32', 'h', false, false],
    [[blue], '10.0.0.0/15', 'h', false, false],
    [[blue], '10.3.0.1/32', 'h', false, false],
    [[own], '10.1.0.1/32', undefined, false, true],
    [[own], '10.1.0.1/32', 'red.1', false, true],
    [[own], '10.1.0.1/32', 'own.7', true, true],
    [[own], '10.1.0.1/32', 'one', true, true],
    [[own], '10.1.0.1/32', 'one.1', false, true],
    [[own], '10.2.0.1/32', 'own.7', false, false],
    [[{ ...all, handles: ['own.*'] }], '10.3.0.1/32', 'own.7', true, true],
    [[{ ...all, handles: ['own.*'] }], '10.3.0.1/32', 'red.1', false, true],
    [[{ ...blue, verbs: ['list'] }], '10.1.0.1/32', 'h', false, false],
  ]
  for (const [rules, text, handle, included, touched] of cases) {
    const world = twoTeams(...rules)
    const pools = poolsIn(world.view.list(poolFamily, 'hint'))
    const reach = reachOf(world.rights, pools, action)
    const range = mustParseCidr(text)
    const told = `${JSON.stringify(rules)} ${text} ${handle}`
    t.equal(reach.includes(range, handle), included, told)
    t.equal(reach.touches(range), touched, told)
    t.equal(reach.handlesIn(range)?.(handle), touched ? included : undefined, told)
    t.equal(reachOf(world.rights, pools, action), reach, 'kept')
  }
  t.end()
})

t.test('a reach tells which handles and which pools are worth looking at', (t) => {
  const cases: [
    rules: WrittenRule[],
    prefixes: readonly string[] | undefined,
    isForAll: boolean,
    pools: readonly string[] | undefined,
    red: boolean,
    everywhere: boolean,
  ][] = [
    [[all], undefined, true, undefined, true, true],
    [[blue], undefined, true, ['blue'], true, false],
    [[own], ['own.', 'one'], false, ['blue'], false, false],
    [[own, blue], undefined, false, ['blue'], true, false],
    [[{ ...all, handles: ['own.*'] }], ['own.'], false, undefined, false, false],
    [[{ ...all, handles: ['red.*'] }], ['red.'], false, undefined, true, true],
    [[], [], true, [], false, false],
  ]
  for (const [rules, prefixes, isForAll, pools, red, everywhere] of cases) {
    const world = twoTeams(...rules)
    const known = new PoolsAtRevision(world.view.list(poolFamily, 'hint'), world.rights)
    const told = JSON.stringify(rules)
    t.strictSame(known.reach.handlePrefixes, prefixes, told)
    t.equal(known.reach.isForAllHandles, isForAll, told)
    t.strictSame(
      known.listed?.map(({ name }) => name),
      pools,
      told,
    )
    t.equal(known.reach.touchesHandle('red.1'), red, told)
    t.equal(known.reach.includesHandle('red.1'), everywhere, told)
    t.equal(known.reach.handlesAnywhere?.('red.1'), rules.includes(all) ? true : undefined, told)
  }
  t.end()
})

t.test('an assign uses pools that the caller may use, and knows no others than those that may be seen', (t) => {
  const isIn = (base: string, result: readonly string[]): boolean =>
    result.length > 0 && result.every((one) => one.startsWith(base))
  const cases: [rules: WrittenRule[], wish: Wish, want: string | readonly string[]][] = [
    [[blue], {}, '10.1.'],
    [[blue], { ipv4: 255 }, ['InsufficientAddresses', 'pools[blue] PoolFull']],
    [[blue], { ipv6: 1 }, ['InsufficientAddresses', 'pools NoPool']],
    [[{ ...blue, poolSelector: "team == 'green'" }], {}, ['InsufficientAddresses', 'pools NoPool']],
    [[blue], { pools: ['red'] }, ['Invalid', 'pools[0] FieldValueInvalid']],
    [[blue], { pools: ['blue', 'red'] }, ['Invalid', 'pools[1] FieldValueInvalid']],
    [[blue], { pools: ['10.2.0.0/24'] }, ['Invalid', 'pools[0] FieldValueInvalid']],
    [[blue, reading], { pools: ['red'] }, ['Forbidden']],
    [
      [blue, reading],
      { ipv4: 255 },
      ['InsufficientAddresses', 'pools[blue] PoolFull', 'pools[red] FieldValueForbidden'],
    ],
    [[own], { handle: 'own.1' }, '10.1.'],
    [[own], { handle: 'red.1' }, ['Forbidden']],
    [[own], { handle: 'red.1', addresses: ['10.1.0.9'] }, ['Forbidden']],
    [[own, { ...assigning, poolSelector: "team == 'red'" }], { handle: 'x' }, '10.2.'],
    [[own, { ...assigning, poolSelector: "team == 'red'" }], { handle: 'x', pools: ['blue'] }, ['Forbidden']],
    [[own, { ...assigning, poolSelector: "team == 'red'" }], { handle: 'x', addresses: ['10.1.0.9'] }, ['Forbidden']],
    [[blue], { addresses: ['10.1.0.9'] }, ['10.1.0.9']],
    [[blue], { addresses: ['10.2.0.9'] }, ['Invalid', 'addresses[0] FieldValueInvalid']],
    [[blue], { addresses: ['10.1.0.1'] }, ['AddressInUse', 'addresses[0] FieldValueInvalid']],
  ]
  for (const [rules, wish, want] of cases) {
    const taken = twoTeams(...rules).take(wish)
    const told = `${JSON.stringify(rules)} ${JSON.stringify(wish)}`
    if (typeof want === 'string') t.ok(isIn(want, taken), `${told} ${taken.join()}`)
    else t.strictSame(taken, want, told)
  }
  t.end()
})

t.test('who has an address is told to those who may know', (t) => {
  const messages = (rules: readonly WrittenRule[], change: (world: World) => void, wish: Wish): unknown => {
    const world = twoTeams(...rules)
    change(world)
    const refused = world.assign(wish)
    return refused.ok ? undefined : refused.refusal.message
  }
  const wish = { addresses: ['10.1.0.1'], handle: 'own.1', node: 'm' }
  t.match(
    messages([blue], () => undefined, wish),
    /held by the handle "red\.1"/,
  )
  t.match(
    messages([own], () => undefined, wish),
    /^10\.1\.0\.1 is in use;/,
  )
  const strict = (world: World): void => world.config({ strict_affinity: true })
  t.match(messages([blue], strict, { ...wish, addresses: ['10.1.0.9'] }), /it belongs to host:n$/)
  t.match(messages([own], strict, { ...wish, addresses: ['10.1.0.9'] }), /it belongs to another node$/)
  const larger = (world: World): void => world.block('10.1.0.64/25'.replace('64', '128'), null)
  t.match(
    messages([blue], larger, { ...wish, addresses: ['10.1.0.129'] }),
    /The stored block 10\.1\.0\.128\/25 overlaps/,
  )
  t.match(messages([own], larger, { ...wish, addresses: ['10.1.0.129'] }), /A stored block of another size overlaps/)
  const disabled = (world: World): void =>
    void world.pool('red', '10.2.0.0/24', { disabled: true }, { metadata: { labels: { team: 'red' } } })
  t.match(
    messages([blue, reading], disabled, { addresses: ['10.2.0.9'] }),
    /lies in no enabled pool: pool red is disabled/,
  )
  t.match(messages([blue], disabled, { addresses: ['10.2.0.9'] }), /lies in no pool;/)
  t.end()
})

t.test('a selector that cannot be read matters only to those who may use the pool', (t) => {
  const broken = (world: World): World => {
    world.pool('red', '10.2.0.0/24', { nodeSelector: 'a = b' }, { metadata: { labels: { team: 'red' } } })
    return world
  }
  t.strictSame(broken(twoTeams(all)).take(), ['Conflict', 'pools[red] PoolUnreadable'])
  t.equal(broken(twoTeams(blue)).take().length, 1)
  t.end()
})

t.test('what may not be released looks as if nobody held it', (t) => {
  const cases: [
    rules: WrittenRule[],
    item: string | { readonly address: string; readonly handle?: string; readonly sequenceNumber?: bigint },
    want: 'released' | 'unallocated' | 'failed',
  ][] = [
    [[blue], '10.1.0.1', 'released'],
    [[blue], '10.2.0.1', 'unallocated'],
    [[blue], { address: '10.2.0.1', sequenceNumber: 7n }, 'unallocated'],
    [[blue], { address: '10.1.0.9', sequenceNumber: 7n }, 'failed'],
    [[own], { address: '10.1.0.9', sequenceNumber: 7n }, 'unallocated'],
    [[own], { address: '10.1.0.1', sequenceNumber: 7n }, 'unallocated'],
    [[own], { address: '10.1.0.2', sequenceNumber: 7n }, 'failed'],
    [[own], { address: '10.1.0.2', handle: 'own.2' }, 'failed'],
    [[own], { address: '10.1.0.1', handle: 'own.2' }, 'unallocated'],
    [[own], '10.1.0.2', 'released'],
    [[blue], '10.3.0.1', 'unallocated'],
    [[all], '10.3.0.1', 'released'],
  ]
  for (const [rules, item, want] of cases) {
    const given = twoTeams(...rules).give(item)
    const told = `${JSON.stringify(rules)} ${typeof item === 'string' ? item : item.address}`
    t.strictSame(
      [given.released.length, given.unallocated.length, given.failed.length],
      [want === 'released', want === 'unallocated', want === 'failed'].map(Number),
      told,
    )
  }
  for (const [rules, want] of [
    [blue, 'failed'],
    [own, 'failed'],
    [everythingOf('red'), 'unallocated'],
  ] as const) {
    const world = twoTeams(rules)
    world.put(world.blockKey('10.1.0.0/26').text, '{')
    t.equal(world.give('10.1.0.1')[want].length, 1, 'a block that cannot be read')
  }
  t.end()
})

t.test('of a handle, what lies in reach is released and read', (t) => {
  const release = (world: World, handle: string): unknown =>
    outcome(world.releaseHandle(handle), ({ answer }) => answer.released.map(formatAddress))
  const read = (world: World, handle: string): unknown =>
    outcome(world.commit(planReadHandle(world.view, handle, world.context)), ({ addresses }) =>
      addresses.map(({ address }) => formatAddress(address)),
    )
  const cases: [rules: WrittenRule[], handle: string, want: unknown][] = [
    [[all], 'red.1', ['10.1.0.1', '10.2.0.1', '10.3.0.1']],
    [[blue], 'red.1', ['10.1.0.1']],
    [[own], 'red.1', 'NotFound'],
    [[own], 'own.1', ['10.1.0.2']],
    [[everythingOf('green')], 'own.1', 'NotFound'],
    [[blue], 'nobody', 'NotFound'],
    [[{ ...all, handles: ['red.*'] }], 'red.1', ['10.1.0.1', '10.2.0.1', '10.3.0.1']],
  ]
  for (const [rules, handle, want] of cases) {
    const world = twoTeams(...rules)
    const told = `${JSON.stringify(rules)} ${handle}`
    t.strictSame(read(world, handle), want, `${told}: read`)
    t.strictSame(release(world, handle), want, `${told}: release`)
    t.equal(
      release(world, handle),
      want === 'NotFound' || handle === 'red.1' || handle === 'own.1' ? 'NotFound' : want,
      told,
    )
  }
  for (const [rules, want] of [
    [all, 'Conflict'],
    [blue, 'NotFound'],
  ] as const) {
    const world = twoTeams(rules)
    world.put('/calico/ipam/v2/handle/red.1', '{')
    t.equal(release(world, 'red.1'), want, 'a handle that cannot be read')
    t.equal(read(world, 'red.1'), want)
    world.handle('red.1', { 'what?': 1 })
    t.strictSame(release(world, 'red.1'), want === 'Conflict' ? [] : want, 'a handle that counts in no block')
  }
  const world = twoTeams(blue)
  world.take({ handle: 'own.1', addresses: ['10.1.0.70'] })
  world.put(world.blockKey('10.1.0.64/26').text, '{')
  t.equal(
    outcome(world.ensure({ handle: 'own.1', ipv4: 1 }), () => 'ok'),
    'Conflict',
    'a block within reach that cannot be read',
  )
  world.put(world.blockKey('10.2.0.0/26').text, '{')
  t.strictSame(
    outcome(world.ensure({ handle: 'red.1', ipv4: 1 }), ({ addresses }) =>
      addresses.map(({ address }) => formatAddress(address)),
    ),
    ['10.1.0.1'],
    'one beyond it',
  )
  t.end()
})

t.test('to hold exactly something needs the right to release the rest', (t) => {
  const world = twoTeams({ ...blue, verbs: ['assign', 'get'] })
  t.match(world.ensure({ handle: 'red.1', addresses: ['10.1.0.9'] }, true), {
    refusal: { reason: 'Forbidden', message: /may not release/ },
  })
  const other = twoTeams(blue)
  t.match(other.ensure({ handle: 'red.1', addresses: ['10.1.0.9'] }, true), { ok: true, value: { isAdded: true } })
  t.strictSame(
    other.counts('red.1'),
    '{"10.1.0.0/26":1,"10.2.0.0/26":1,"10.3.0.0/26":1}',
    'beyond reach everything stays',
  )
  t.match(twoTeams(own).ensure({ handle: 'red.1', ipv4: 1 }), { refusal: { reason: 'Forbidden' } })
  t.end()
})

t.test('one address, its holder attributes, and changing them', (t) => {
  const cases: [rules: WrittenRule[], address: string, read: unknown, change: unknown][] = [
    [[blue], '10.1.0.1', 'ok', 'ok'],
    [[blue], '10.2.0.1', 'NotFound', 'NotFound'],
    [[blue, reading], '10.2.0.1', 'ok', 'Forbidden'],
    [[own], '10.1.0.1', 'NotFound', 'NotFound'],
    [[own], '10.1.0.2', 'ok', 'ok'],
    [[{ ...blue, verbs: ['update'] }], '10.1.0.1', 'NotFound', 'ok'],
    [[blue], '10.3.0.1', 'NotFound', 'NotFound'],
  ]
  for (const [rules, text, read, change] of cases) {
    const world = twoTeams(...rules)
    const address = mustParseAddress(text)
    const ok = (): string => 'ok'
    const told = `${JSON.stringify(rules)} ${text}`
    t.equal(outcome(world.commit(planReadAddress(world.view, address, world.context)), ok), read, told)
    t.equal(outcome(world.commit(planReadHolders(world.view, address, world.context)), ok), read, told)
    const wanted = { address, change: { kind: 'swap' }, expected: {} } as const
    t.equal(outcome(world.commit(planChangeHolders(world.view, wanted, world.context)), ok), change, told)
  }
  const world = twoTeams(own)
  world.config({ ipCooldownSeconds: 100 })
  world.give('10.1.0.2')
  const gone = world.commit(planReadAddress(world.view, mustParseAddress('10.1.0.2'), world.context))
  t.match(gone, { refusal: { message: '10.1.0.2 is not assigned.' } }, 'that it cools down belongs to no handle')
  t.end()
})

t.test('utilization, blocks, counts and free addresses are of pools in reach', (t) => {
  const used = (world: World, pools: readonly string[] = []): unknown =>
    outcome(world.commit(planReadUtilization(world.view, { pools, withBlocks: true }, world.context)), (found) => [
      found.pools.map(({ pool }) => pool.name).join(),
      found.blocks.map(({ block }) => formatCidr(block.cidr)).join(),
      found.orphaned.length,
    ])
  const blocks = (world: World, pool?: string): unknown =>
    outcome(world.commit(planReadBlocks(world.view, { pool, limit: 9 }, world.context)), (found) =>
      found.blocks.map(({ block }) => formatCidr(block.cidr)).join(),
    )
  const count = (world: World, pool?: string): unknown =>
    outcome(world.commit(planCountHeld(world.view, { pool }, world.context)), (number) => number)
  const free = (world: World, pool: string): unknown =>
    outcome(
      world.commit(planReadFree(world.view, { pool, range: undefined, from: undefined, limit: 9 }, world.context)),
      ({ available }) => available,
    )
  t.strictSame(used(twoTeams(all)), ['blue,red', '10.1.0.0/26,10.2.0.0/26', 1])
  t.strictSame(used(twoTeams(blue)), ['blue', '10.1.0.0/26', 0])
  t.strictSame(used(twoTeams({ ...blue, resources: ['ippools'] })), ['blue', '', 0])
  t.strictSame(used(twoTeams(own)), ['', '', 0])
  t.equal(used(twoTeams(blue), ['red']), 'Invalid')
  t.equal(used(twoTeams({ ...blue, verbs: ['list'] }, { ...reading, verbs: ['get'] }), ['red']), 'Forbidden')
  t.equal(blocks(twoTeams(all)), '10.1.0.0/26,10.2.0.0/26,10.3.0.0/26')
  t.equal(blocks(twoTeams(blue)), '10.1.0.0/26')
  t.equal(blocks(twoTeams(blue), 'red'), 'Invalid')
  t.equal(count(twoTeams(all)), 4)
  t.equal(count(twoTeams(blue)), 2)
  t.equal(count(twoTeams(blue), 'blue'), 2)
  t.equal(count(twoTeams(blue), 'red'), 'Invalid')
  t.equal(count(twoTeams(own)), undefined)
  t.equal(free(twoTeams(blue), 'blue'), 254n)
  t.equal(free(twoTeams(blue), 'red'), 'NotFound')
  t.equal(free(twoTeams({ ...reading, verbs: ['list'] }, { ...blue, verbs: ['get'] }), 'red'), 'Forbidden')
  t.end()
})

t.test('blocks are claimed and released in pools in reach', (t) => {
  const claim = (world: World, wish: { readonly cidr?: string; readonly pool?: string }): unknown => {
    const cidr = wish.cidr === undefined ? undefined : mustParseCidr(wish.cidr)
    return outcome(
      world.commit(planClaimBlocks(world.view, { ...wish, node: 'm', cidr }, '0', world.context)),
      ({ answer }) => answer.claimed.length,
    )
  }
  const free = (
    world: World,
    scope: { readonly node?: string; readonly cidr?: string; readonly pool?: string },
  ): unknown => {
    const cidr = scope.cidr === undefined ? undefined : mustParseCidr(scope.cidr)
    const plan = planReleaseBlocks(world.view, { ...scope, cidr, onlyIfEmpty: false }, '', world.context)
    return outcome(world.commit(plan), ({ answer }) => answer.released.map(({ block }) => formatCidr(block)).join())
  }
  t.equal(claim(twoTeams(blue), { pool: 'blue' }), 3)
  t.equal(claim(twoTeams(blue), { cidr: '10.1.0.64/26' }), 1)
  t.equal(claim(twoTeams(blue), { pool: 'red' }), 'Invalid')
  t.equal(claim(twoTeams(blue), { cidr: '10.2.0.64/26' }), 'Invalid')
  t.equal(claim(twoTeams(blue, reading), { pool: 'red' }), 'Forbidden')
  t.equal(claim(twoTeams(blue, reading), { cidr: '10.2.0.64/26' }), 'Forbidden')
  t.equal(free(twoTeams(blue), { node: 'n' }), '10.1.0.0/26')
  t.equal(free(twoTeams(all), { node: 'n' }), '10.1.0.0/26,10.2.0.0/26,10.3.0.0/26')
  t.equal(free(twoTeams(blue), { pool: 'red' }), 'Invalid')
  t.equal(free(twoTeams(blue, reading), { pool: 'red' }), 'Forbidden')
  t.equal(free(twoTeams(blue), { cidr: '10.2.0.0/27' }), '', 'a part of a block that may not be seen')
  t.equal(free(twoTeams(blue), { cidr: '10.1.0.0/27' }), 'Invalid')
  const marker = '/calico/ipam/v2/host/n'
  for (const [rules, isGone] of [
    [blue, false],
    [all, true],
  ] as const) {
    const world = twoTeams(rules)
    world.put(marker, '')
    world.view.reads.clear()
    t.match(world.commit(planRemoveNode(world.view, 'n', '', world.context)), { ok: true })
    t.equal(world.view.text(marker) === undefined, isGone)
  }
  t.end()
})

t.test('a finding is for those who reach everything that it names', (t) => {
  const block = '/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-26'
  const pool = '/calico/resources/v3/projectcalico.org/ippools/'
  const cases: [code: CheckCode, key: string, subject: string | undefined, blue: boolean, own: boolean][] = [
    ['QueueIncomplete', block, undefined, true, false],
    ['QueueIncomplete', block.replace('10.1', '10.2'), undefined, false, false],
    ['BlockOutsidePools', block.replace('10.1', '10.3'), undefined, false, false],
    ['BlocksOverlap', block, '10.1.0.0/25', true, false],
    ['BlocksOverlap', block, '10.0.0.0/8', false, false],
    ['AddressInTwoBlocks', block, undefined, true, false],
    ['AffinityMissing', '/calico/ipam/v2/host/n/ipv4/block/10.1.0.0-26', undefined, true, false],
    ['HandleMissing', '/calico/ipam/v2/handle/own.1', '10.1.0.0/26', true, true],
    ['HandleMissing', '/calico/ipam/v2/handle/red.1', '10.1.0.0/26', true, false],
    ['HandleMissing', '/calico/ipam/v2/handle/own.1', '10.2.0.0/26', false, false],
    ['Unreadable', '/calico/ipam/v2/handle/own.1', undefined, false, false],
    ['SelectorInvalid', `${pool}blue`, 'nodeSelector', true, false],
    ['SelectorInvalid', `${pool}red`, 'nodeSelector', false, false],
    ['PoolsOverlap', `${pool}blue`, 'red', false, false],
    ['PoolsOverlap', `${pool}blue`, 'blue', true, false],
    ['AddressNotAssigned', '/calico/resources/v3/x', '10.1.0.1', true, false],
    ['AddressNotAssigned', '/calico/resources/v3/x', '10.2.0.1', false, false],
    ['ConfigContradictory', '/calico/ipam/v2/config', undefined, false, false],
  ]
  const action = { verb: 'check', resource: 'addresses' } as const
  for (const [index, rules] of [[blue], [own], [all]].entries()) {
    const world = twoTeams(...rules)
    const terms = {
      now: { nanoseconds: 0n },
      pools: poolsIn(world.view.list(poolFamily, 'hint')).all,
      arePoolsComplete: true,
      nodes: new Set<string>(),
      tunnels: new Map(),
      findings: [],
    }
    const isVisible = findingFilter(world.rights, action, terms)
    for (const [code, key, subject, ...wanted] of cases) {
      const found = newFinding(code, { key, revision: 1n, ...(subject !== undefined && { subject }) }, '')
      t.equal(isVisible(found), wanted[index] ?? true, `${JSON.stringify(rules)} ${code} ${key} ${subject}`)
    }
  }
  t.end()
})

t.test('of addresses that were found, those that may be read or released are told of', (t) => {
  const world = twoTeams(all)
  const held = world.commit(planReadHandle(world.view, 'red.1', world.context))
  t.ok(held.ok)
  for (const [rules, count] of [
    [all, 3],
    [blue, 1],
    [own, 0],
  ] as const) {
    world.rights = rightsBy(rules)
    t.equal(selectReadable(world.view, held.ok ? held.value.addresses : [], world.context).length, count)
  }
  t.equal(selectReadable(world.view, held.ok ? held.value.addresses : [], new World().context).length, 3)
  t.strictSame(reasonsOf({ reason: 'NotFound', message: '', causes: [] }), ['NotFound'])
  t.end()
})
