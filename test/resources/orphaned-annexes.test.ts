import t from 'tap'
import { annexKey, BlockIndex, ipamConfigKey, ipamConfigs, poolKey } from '../../src/model/index.ts'
import type { Plan, Step } from '../../src/plan/index.ts'
import type { ServedKind, StoredObject } from '../../src/resources/kind.ts'
import { blockaffinityKind } from '../../src/resources/kinds/blockaffinity.ts'
import { ipamconfigurationKind } from '../../src/resources/kinds/ipamconfiguration.ts'
import { ipreservationKind } from '../../src/resources/kinds/ipreservation.ts'
import { nodeKind } from '../../src/resources/kinds/node.ts'
import { planRemoveOrphans } from '../../src/resources/orphaned-annexes.ts'
import { FakeView } from '../support/fake-view.ts'
import { poolKind } from './fixtures.ts'

const annex = '{"uid":"u","generation":1,"spec":{},"metadata":{}}'
const resources = '/calico/resources/v3/projectcalico.org'

t.test('of each kind, the annexes go whose objects are gone', (t) => {
  const kinds: readonly (readonly [kind: ServedKind<StoredObject>, keyOfObject: string])[] = [
    [poolKind(), `${resources}/ippools/there`],
    [ipreservationKind, `${resources}/ipreservations/there`],
    [nodeKind(new BlockIndex()), `${resources}/nodes/there`],
  ]
  for (const [kind, keyOfObject] of kinds) {
    const view = new FakeView()
    const keyOf = (name: string): string => annexKey(kind.plural, name).text
    // One that cannot be read is there all the same.
    view.putText(keyOfObject, 'broken')
    for (const name of ['gone', 'other', 'there']) view.putText(keyOf(name), annex)
    t.strictSame(
      view.apply(planRemoveOrphans(view, kind, ['gone', 'missing', 'there'], '')),
      { answer: 1, next: undefined },
      kind.plural,
    )
    t.strictSame(view.keys('/ippoold/'), [keyOf('other'), keyOf('there')])
  }
  t.end()
})

t.test('the configuration, which has a key of another form', (t) => {
  const view = new FakeView()
  const key = annexKey('ipamconfigurations', 'default').text
  view.putText(key, annex)
  view.putText(ipamConfigKey.text, ipamConfigs.encode(decodedConfig()))
  t.strictSame(view.apply(planRemoveOrphans(view, ipamconfigurationKind, ['default'], '')), {
    answer: 0,
    next: undefined,
  })
  view.remove(ipamConfigKey.text)
  t.strictSame(view.apply(planRemoveOrphans(view, ipamconfigurationKind, ['default'], '')), {
    answer: 1,
    next: undefined,
  })
  t.equal(view.text(key), undefined)
  t.end()
})

function decodedConfig() {
  const decoded = ipamConfigs.decode(ipamConfigKey.text, '{}')
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

t.test('what is removed is compared, and so is that the object is absent', (t) => {
  const view = new FakeView()
  const key = annexKey('ippools', 'gone')
  view.putText(key.text, annex)
  planRemoveOrphans(view, poolKind(), ['gone'], '')
  t.strictSame([...view.reads].sort(), [poolKey('gone').text, key.text].sort())
  t.end()
})

t.test('an annex that cannot be read is left alone, and a kind may have none', (t) => {
  const view = new FakeView()
  view.putText(annexKey('ippools', 'gone').text, 'broken')
  t.strictSame(planRemoveOrphans(view, poolKind(), ['gone'], ''), {
    answer: { answer: 0, next: undefined },
    writes: [],
  })
  t.strictSame(planRemoveOrphans(view, blockaffinityKind, ['gone'], ''), {
    answer: { answer: 0, next: undefined },
    writes: [],
  })
  t.end()
})

t.test('very many annexes take steps, each of which fits into a transaction', (t) => {
  const view = new FakeView()
  const names = Array.from({ length: 150 }, (_, number) => `pool-${number}`)
  for (const name of names) view.putText(annexKey('ippools', name).text, annex)
  const removed: number[] = []
  for (let position: string | undefined = ''; position !== undefined; ) {
    view.reads.clear()
    const plan: Plan<Step<number>> = planRemoveOrphans(view, poolKind(), names, position)
    t.ok(view.reads.size < 126)
    const { answer, next } = view.apply(plan)
    removed.push(answer)
    position = next
  }
  t.strictSame(removed, [62, 62, 26])
  t.strictSame(view.keys('/ippoold/'), [])
  t.end()
})
