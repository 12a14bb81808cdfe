import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { applyMergePatch, clashesOf, mergePatchOf } from '../../src/cli/commands/merge-patch.ts'
import { volume } from '../support/volume.ts'

const pool = {
  metadata: { name: 'blue', labels: { a: '1' } },
  spec: { cidr: '10.0.0.0/16', allowedUses: ['Workload'] },
}

const cases: readonly (readonly [name: string, to: Readonly<Record<string, unknown>>, patch: object])[] = [
  ['nothing', pool, {}],
  ['in another order', { spec: pool.spec, metadata: pool.metadata }, {}],
  ['a field', { ...pool, spec: { ...pool.spec, disabled: true } }, { spec: { disabled: true } }],
  ['a field that goes', { ...pool, metadata: { name: 'blue' } }, { metadata: { labels: null } }],
  ['a list as a whole', { ...pool, spec: { ...pool.spec, allowedUses: [] } }, { spec: { allowedUses: [] } }],
]
for (const [name, to, patch] of cases) t.strictSame(mergePatchOf(pool, to), patch, name)

/** fast-check makes objects without a prototype, too. */
function plainOf(value: object): unknown {
  return JSON.parse(JSON.stringify(value))
}

t.test('a patch makes one object of the other', async (t) => {
  // null means "gone" in a patch, so that no value can be null.
  const value = fc.letrec<{ object: Record<string, unknown>; any: unknown }>((tie) => ({
    object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('any'), { maxKeys: 3 }),
    any: fc.oneof({ maxDepth: 3 }, fc.nat(3), fc.array(fc.nat(3), { maxLength: 2 }), tie('object')),
  })).object
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(value, value, (from, to) => {
        const patch = mergePatchOf(from, to)
        assert.deepEqual(plainOf(applyMergePatch(from, patch)), plainOf(to))
        assert.deepEqual(clashesOf(patch, patch), [])
        assert.deepEqual(mergePatchOf(to, to), {})
      }),
      { numRuns: volume(1_000) },
    ),
  )
})

const clashes: readonly (readonly [one: object, other: object, fields: readonly string[]])[] = [
  [{ spec: { a: 1 } }, { spec: { b: 1 } }, []],
  [{ spec: { a: 1 } }, { spec: { a: 1 } }, []],
  [{ spec: { a: 1 } }, { spec: { a: 2 } }, ['spec.a']],
  [{ spec: { a: null } }, { spec: { a: { b: 1 } } }, ['spec.a']],
  [{ spec: { a: [1] }, x: 1 }, { spec: { a: [2] }, x: 2 }, ['spec.a', 'x']],
]
for (const [one, other, fields] of clashes)
  t.strictSame(clashesOf({ ...one }, { ...other }), fields, JSON.stringify([one, other]))
