import t from 'tap'
import { type Block, newBlock } from '../../../src/model/index.ts'
import { HolderCount } from '../../../src/ipam/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'

/** A block whose addresses are held as the letters say: by a handle of that name; `-` is free, `~` cools down, `?` has no handle. */
function block(letters: string, node?: string): Block {
  const names = [...new Set(letters.replaceAll('-', ''))]
  const attributes = names.map((letter) => {
    if (letter === '~') return { handle: 'x', releasedAt: '2026-11-23T04:00:00Z' }
    return { ...(letter !== '?' && { handle: letter }), ...(node !== undefined && { active: { node } }) }
  })
  const allocations = Array.from(letters, (letter) => (letter === '-' ? null : names.indexOf(letter)))
  return { ...newBlock(mustParseCidr('10.1.0.0/29'), null, { nanoseconds: 0n }), attributes, allocations }
}

t.test('it says how many addresses are held, by how many holders, and names none', (t) => {
  const cases = [
    ['nobody', [], 'no addresses are in use.'],
    ['one', [block('--a-----')], '1 address is in use, by 1 handle.'],
    ['some that cool down', [block('~~a-----')], '1 address is in use, by 1 handle.'],
    ['without a handle', [block('??------')], '2 addresses are in use.'],
    ['two', [block('abb-----')], '3 addresses are in use, by 2 handles.'],
    [
      'nodes',
      [block('ab------', 'n1'), block('abb-----', 'n2'), block('a-------')],
      '6 addresses are in use, by 2 handles, on 2 nodes.',
    ],
  ] as const
  for (const [name, blocks, want] of cases) {
    const count = new HolderCount()
    for (const one of blocks) count.add(one)
    t.equal(count.print(), want, name)
  }
  t.end()
})
