import t from 'tap'
import { BlockIndex, blockKey, blocks, newBlock } from '../../src/model/index.ts'
import { formatCidr, mustParseCidr } from '../../src/net/index.ts'
import { poolDependencies, resourceKinds } from '../../src/resources/kinds.ts'
import { FakeView } from '../support/fake-view.ts'

t.test('the kinds that are served', (t) => {
  t.strictSame(
    resourceKinds(new BlockIndex()).map(({ kind, plural, singular }) => [kind, plural, singular]),
    [
      ['IPPool', 'ippools', 'ippool'],
      ['IPReservation', 'ipreservations', 'ipreservation'],
      ['IPAMConfiguration', 'ipamconfigurations', 'ipamconfiguration'],
      ['Node', 'nodes', 'node'],
      ['BlockAffinity', 'blockaffinities', 'blockaffinity'],
    ],
  )
  t.end()
})

t.test('the blocks of a range come from the index, and the view is told when that is to be proved', (t) => {
  const index = new BlockIndex()
  for (const text of ['10.1.0.0/26', '10.1.0.64/26', '10.2.0.0/26']) {
    const value = newBlock(mustParseCidr(text), null, { nanoseconds: 0n })
    index.changed(blockKey(value.cidr).text, { kind: 'value', value })
  }
  const view = new FakeView()
  const { blocksIn, proveBlocks } = poolDependencies(index)
  const found = blocksIn(mustParseCidr('10.1.0.0/16'))
  t.strictSame(
    found.map(({ cidr }) => formatCidr(cidr)),
    ['10.1.0.0/26', '10.1.0.64/26'],
  )
  t.strictSame([...view.reads], [])
  proveBlocks(view)
  t.match([...view.reads], [new RegExp(blocks.name)])
  t.end()
})
