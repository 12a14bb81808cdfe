import fc from 'fast-check'
import t from 'tap'
import { BlocksOfNodes } from '../../../src/model/block/blocks-of-nodes.ts'
import { digestOfUnreadable, type IndexedBlock } from '../../../src/model/block/digest.ts'
import { mustParseCidr } from '../../../src/net/index.ts'

/** A digest that has an address held on each of the nodes. */
function heldOn(nodes: readonly (string | undefined)[]): IndexedBlock {
  const held = nodes.map((node) => ({ node, count: 1 }))
  return { ...digestOfUnreadable(mustParseCidr('10.0.0.0/29')), held }
}

t.test('the blocks of a node are those with an address held on it, whatever changes', async (t) => {
  const nodes = fc.uniqueArray(fc.constantFrom(undefined, 'a', 'b', 'c'))
  const change = fc.record({ key: fc.constantFrom('one', 'two', 'three'), nodes: fc.option(nodes) })
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const index = new BlocksOfNodes()
      const digests = new Map<string, IndexedBlock>()
      for (const { key, nodes } of changes) {
        const after = nodes === null ? undefined : heldOn(nodes)
        index.changed(key, digests.get(key), after)
        if (after === undefined) digests.delete(key)
        else digests.set(key, after)
      }
      for (const node of ['a', 'b', 'c', 'd']) {
        const expected = [...digests].filter(([, { held }]) => held.some((one) => one.node === node))
        const found = [...index.of(node)].sort()
        t.strictSame(found, expected.map(([key]) => key).sort())
      }
    }),
  )
})
