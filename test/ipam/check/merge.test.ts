import t from 'tap'
import { newFinding } from '../../../src/ipam/check/finding.ts'
import { Merge } from '../../../src/ipam/check/merge.ts'
import type { Finding } from '../../../src/ipam/index.ts'
import type { Family } from '../../../src/plan/index.ts'
import { CheckWorld } from '../../support/check-world.ts'

const families = ['a', 'b'].map(
  (name): Family<string> => ({
    name,
    prefix: `/${name}/`,
    held: 'recent',
    part: 'record',
    decode: (_key, text) => ({ ok: true, value: text }),
    encode: (value) => value,
  }),
)

/** What a merge finds of the keys stored when others are expected, in windows of `size`, and how often all had to be expected. */
async function differences(
  stored: readonly string[],
  expected: readonly string[],
  size: number,
): Promise<{ readonly found: readonly string[]; readonly rounds: number }> {
  const world = new CheckWorld()
  for (const key of stored) world.view.putText(key, 'text')
  const told = (key: string, message: string): readonly Finding[] => [
    newFinding('Unreadable', { key, revision: 0n }, message),
  ]
  const merge = new Merge<string, number>(
    {
      families,
      compare: ({ key }, count) => (count === undefined ? told(key, 'unexpected') : []),
      missing: (key) => told(key, 'missing'),
    },
    size,
  )
  const found: string[] = []
  let rounds = 0
  for (; !merge.isDone; rounds++) {
    for (const key of expected) merge.expect(key, () => 1)
    for await (const { key, message } of merge.merge(world.source)) found.push(`${message} ${key}`)
  }
  merge.expect('/a/late', () => 1)
  for await (const { key } of merge.merge(world.source)) found.push(key)
  return { found: found.sort(), rounds }
}

const keys = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((number) => [`/a/${number}`, `/b/${number}`])

t.test('what is stored and what is expected are compared once each, in as many windows as it takes', async (t) => {
  for (const size of [100, 7, 2, 1]) {
    t.strictSame((await differences(keys, keys, size)).found, [], `windows of ${size}`)
    const odd = keys.filter((_, index) => index % 3 !== 0)
    const even = keys.filter((_, index) => index % 3 !== 1)
    const expected = [
      ...odd.filter((key) => !even.includes(key)).map((key) => `unexpected ${key}`),
      ...even.filter((key) => !odd.includes(key)).map((key) => `missing ${key}`),
    ]
    t.strictSame((await differences(odd, even, size)).found, expected.sort(), `windows of ${size}`)
  }
})

t.test('what fits is compared in one round', async (t) => {
  t.equal((await differences(keys, keys, 100)).rounds, 1)
  t.ok((await differences(keys, keys, 7)).rounds > 2)
})
