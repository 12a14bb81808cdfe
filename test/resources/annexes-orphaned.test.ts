import t from 'tap'
import { annexKey, ipamConfigKey, ipamConfigs, poolKey } from '../../src/model/index.ts'
import type { ServedKind, StoredObject } from '../../src/resources/kind.ts'
import { blockaffinityKind } from '../../src/resources/kinds/blockaffinity.ts'
import { ipamconfigurationKind } from '../../src/resources/kinds/ipamconfiguration.ts'
import { ipreservationKind } from '../../src/resources/kinds/ipreservation.ts'
import { nodeKind } from '../../src/resources/kinds/node.ts'
import { planRemoveOrphans } from '../../src/resources/annexes.ts'
import { FakeView } from '../support/fake-view.ts'
import { poolKind } from './fixtures.ts'

const annex = '{"uid":"u","generation":1,"spec":{},"metadata":{}}'
const resources = '/calico/resources/v3/projectcalico.org'

t.test('annexes whose objects are gone are removed, for each kind', (t) => {
  const kinds: readonly (readonly [kind: ServedKind<StoredObject>, keyOfObject: string])[] = [
    [poolKind(), `${resources}/ippools/there`],
    [ipreservationKind, `${resources}/ipreservations/there`],
    [nodeKind, `${resources}/nodes/there`],
  ]
  for (const [kind, keyOfObject] of kinds) {
    const view = new FakeView()
    const keyOf = (name: string): string => annexKey(kind.plural, name).text
    // One that cannot be read is there all the same.
    view.putText(keyOfObject, 'broken')
    for (const name of ['gone', 'other', 'there']) view.putText(keyOf(name), annex)
    t.equal(view.apply(planRemoveOrphans(view, kind, ['gone', 'missing', 'there'])), 1, kind.plural)
    t.strictSame(view.keys('/ippoold/'), [keyOf('other'), keyOf('there')])
  }
  t.end()
})

t.test('the configuration, which has a key of another form', (t) => {
  const view = new FakeView()
  const key = annexKey('ipamconfigurations', 'default').text
  view.putText(key, annex)
  view.putText(ipamConfigKey.text, ipamConfigs.encode(decodedConfig()))
  t.equal(view.apply(planRemoveOrphans(view, ipamconfigurationKind, ['default'])), 0)
  view.remove(ipamConfigKey.text)
  t.equal(view.apply(planRemoveOrphans(view, ipamconfigurationKind, ['default'])), 1)
  t.equal(view.text(key), undefined)
  t.end()
})

function decodedConfig() {
  const decoded = ipamConfigs.decode(ipamConfigKey.text, '{}')
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

t.test('the commit compares the annex and the absence of the object', (t) => {
  const view = new FakeView()
  const key = annexKey('ippools', 'gone')
  view.putText(key.text, annex)
  planRemoveOrphans(view, poolKind(), ['gone'])
  t.strictSame([...view.reads].sort(), [poolKey('gone').text, key.text].sort())
  t.end()
})

t.test('an annex that cannot be read is left alone, and a kind may have none', (t) => {
  const view = new FakeView()
  view.putText(annexKey('ippools', 'gone').text, 'broken')
  t.strictSame(planRemoveOrphans(view, poolKind(), ['gone']), { answer: 0, writes: [] })
  t.strictSame(planRemoveOrphans(view, blockaffinityKind, ['gone']), { answer: 0, writes: [] })
  t.end()
})
