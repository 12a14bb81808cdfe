import t from 'tap'
import {
  type AddressFilter,
  blockPathPrefixes,
  mayMatch,
  PoolsAtRevision,
  selectAddresses,
} from '../../../src/ipam/index.ts'
import { pools as poolFamily } from '../../../src/model/index.ts'
import { formatAddress, formatCidr, mustParseCidr } from '../../../src/net/index.ts'
import { World } from '../../support/ipam-world.ts'

const block = '10.0.0.0/29'

/** A block where `a` holds .0 for node n1 and tenant blue, `b` holds .1 for no node, nobody .2 by name, and .3 cools down. */
function usedWorld(): World {
  const world = new World()
  world.pool('p', '10.0.0.0/24', { blockSize: 29 })
  world.block(block, null, {
    allocations: [0, 1, 2, 3, 0, null, null, null],
    unallocated: [5, 6, 7],
    attributes: [
      { handle_id: 'a\rb', secondary: { node: 'n1', tenant: 'blue' } },
      { handle_id: 'b', secondary: { toString: 'x' } },
      {},
      { releasedAt: '2026-11-23T04:00:00Z' },
    ],
  })
  return world
}

function select(filter: Partial<AddressFilter>): readonly string[] {
  const stored = usedWorld().stored(block)
  if (stored === undefined) return []
  const complete = { attributes: [], ...filter }
  const selected = selectAddresses(stored, complete, 'p', () => true).map(({ allocation, ordinal }) => {
    return `${formatAddress(allocation.address)} ${ordinal} ${String(allocation.pool)}`
  })
  const text = usedWorld().view.text(usedWorld().blockKey(block).text) ?? ''
  return selected.length > 0 && !mayMatch(text, complete) ? ['selected, and said to be nowhere'] : selected
}

t.test('an address is selected by everything that is asked for at once', (t) => {
  const [first, second, third, fifth] = ['10.0.0.0 0 p', '10.0.0.1 1 p', '10.0.0.2 2 p', '10.0.0.4 4 p'] as const
  const cases: [filter: Partial<AddressFilter>, want: readonly string[]][] = [
    [{}, [first, second, third, fifth]],
    [{ handle: 'a' }, [first, fifth]],
    [{ handle: 'b' }, [second]],
    [{ handle: 'c' }, []],
    [{ node: 'n1' }, [first, fifth]],
    [{ node: 'n2' }, []],
    [{ attributes: [['tenant', 'blue']] }, [first, fifth]],
    [{ attributes: [['tenant', 'red']] }, []],
    [{ attributes: [['toString', 'x']] }, [second]],
    [{ attributes: [['constructor', 'x']] }, []],
    [{ attributes: [['node', 'n1']] }, [first, fifth]],
    [{ handle: 'b', node: 'n1' }, []],
    [{ attributes: [['tenant', undefined]] }, [first, fifth]],
    [{ attributes: [['constructor', undefined]] }, []],
    [{ range: mustParseCidr('10.0.0.0/31') }, [first, second]],
    [{ range: mustParseCidr('10.0.0.4/30'), handle: 'a' }, [fifth]],
    [{ text: 'BLU' }, [first, fifth]],
    [{ text: 'N1' }, [first, fifth]],
    [{ text: 'b' }, [first, second, fifth]],
    [{ text: '0.0.2' }, [third]],
    [{ text: 'tenant' }, []],
    [{ text: 'nobody' }, []],
    [
      {
        attributes: [
          ['tenant', 'blue'],
          ['tenant', 'red'],
        ],
      },
      [],
    ],
  ]
  for (const [filter, want] of cases) t.strictSame(select(filter), want, Object.keys(filter).join())
  t.end()
})

t.test('of a block without any entry nothing is selected', (t) => {
  const world = new World()
  world.block(block, null)
  const stored = world.stored(block)
  t.strictSame(stored && selectAddresses(stored, { attributes: [] }, 'p', () => true), [])
  t.end()
})

t.test('a text that cannot have what is asked for is told without decoding it, and never one that may', (t) => {
  const text = '{"attributes":[{"handle_id":"vm-1","secondary":{"tenant":"blue"}}]}'
  t.equal(mayMatch(text, { attributes: [] }), true)
  t.equal(mayMatch(text, { handle: 'vm-1', attributes: [['tenant', 'blue']] }), true)
  t.equal(mayMatch(text, { handle: 'vm-2', attributes: [] }), false)
  t.equal(mayMatch(text, { node: 'n1', attributes: [] }), false)
  t.equal(mayMatch(text, { attributes: [['tenant', 'red']] }), false)
  t.equal(mayMatch(text, { attributes: [['landlord', 'blue']] }), false)
  t.equal(mayMatch(text.replace('vm-1', 'vm\\u002d1'), { handle: 'vm-1', attributes: [] }), true, 'spelt otherwise')
  t.equal(mayMatch(text, { handle: 'a"b', attributes: [] }), false)
  t.equal(mayMatch(text, { attributes: [['tenant', undefined]] }), true)
  t.equal(mayMatch(text, { attributes: [['landlord', undefined]] }), false)
  t.equal(mayMatch(text, { text: 'VM-1', attributes: [] }), true)
  t.equal(mayMatch(text, { text: 'vm-2', attributes: [] }), false)
  t.equal(mayMatch(text, { text: '10.0', attributes: [] }), true, 'an address may have it')
  t.equal(mayMatch(text, { text: 'fd00::A', attributes: [] }), true, 'an address may have it')
  t.end()
})

t.test('the pools of a listing are found by name, by CIDR and by block', (t) => {
  const world = usedWorld()
  world.pool('q', '10.0.0.0/28')
  world.put('/calico/resources/v3/projectcalico.org/ippools/broken', '{')
  const pools = new PoolsAtRevision(world.view.list(poolFamily, 'hint'), world.rights)
  t.match(pools.named('q'), { value: { name: 'q' } })
  t.match(pools.named('10.0.0.7/24'), { value: { name: 'p' } })
  t.match(pools.named('broken'), { refusal: { message: 'Pool broken does not exist.' } })
  t.match(pools.ofBlock(mustParseCidr(block)), { name: 'p' })
  t.equal(pools.ofBlock(mustParseCidr('10.0.1.0/29')), undefined)
  t.end()
})

t.test('the path of every block of a range begins as is said', (t) => {
  const cases: [range: string, prefixes: readonly string[]][] = [
    ['10.1.0.0/16', ['ipv4/block/10.1.']],
    ['10.1.128.0/18', ['ipv4/block/10.1.']],
    ['10.1.2.0/23', ['ipv4/block/10.1.']],
    ['10.1.2.0/24', ['ipv4/block/10.1.0.', 'ipv4/block/10.1.2.']],
    ['10.1.0.128/26', ['ipv4/block/10.1.0.']],
    [
      '10.1.31.3/32',
      [
        'ipv4/block/10.1.16.',
        'ipv4/block/10.1.24.',
        'ipv4/block/10.1.28.',
        'ipv4/block/10.1.30.',
        'ipv4/block/10.1.31.',
      ],
    ],
    ['10.8.0.0/13', ['ipv4/block/10.']],
    ['0.0.0.0/0', ['ipv4/block/']],
    ['fd00::/64', ['ipv6/block/']],
  ]
  for (const [range, prefixes] of cases) {
    const cidr = mustParseCidr(range)
    t.strictSame(blockPathPrefixes(cidr), prefixes, range)
    // The range itself, and every block that it may lie in.
    for (let length = Math.min(cidr.prefixLength, 20); length <= cidr.prefixLength; length++) {
      const around = mustParseCidr(`${range.replace(/\/.*/, '')}/${String(length)}`)
      const path = `ipv${String(cidr.family)}/block/${formatCidr(around).replace('/', '-')}`
      t.ok(
        prefixes.some((prefix) => path.startsWith(prefix)),
        path,
      )
    }
  }
  t.end()
})
