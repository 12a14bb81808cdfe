import t from 'tap'
import {
  annexKey,
  BlockIndex,
  ipamConfigKey,
  ipamConfigs,
  type JsonObject,
  poolKey,
  stringifyJson,
} from '../../src/model/index.ts'
import type { Plan, Step } from '../../src/plan/index.ts'
import {
  declareAnnexes,
  generationOf,
  putAnnex,
  removeAnnex,
  withAnnex,
  withoutAnnex,
} from '../../src/resources/annexes.ts'
import { planRemoveOrphans, type ServedKind, type StoredObject } from '../../src/resources/index.ts'
import { blockaffinityKind } from '../../src/resources/kinds/blockaffinity.ts'
import { ipamconfigurationKind } from '../../src/resources/kinds/ipamconfiguration.ts'
import { ipreservationKind } from '../../src/resources/kinds/ipreservation.ts'
import { nodeKind } from '../../src/resources/kinds/node.ts'
import { FakeView } from '../support/fake-view.ts'
import { writtenToAnnexes, poolKind } from './fixtures.ts'

const pools = { plural: 'ippools', hasMetadata: true }
const configurations = { plural: 'ipamconfigurations', hasMetadata: false }
const managedFields = [{ manager: 'kubectl' }]

function named(metadata: JsonObject, spec: JsonObject = { a: 1 }): StoredObject {
  return { name: 'p', object: { metadata: { name: 'p', ...metadata }, spec } }
}

function metadataOf({ object }: StoredObject): string {
  return stringifyJson(object['metadata'] ?? null)
}

t.test('the annex holds only what Calico would lose', (t) => {
  const object = named({ uid: 'u', generation: 4, labels: { a: 'b' }, managedFields })
  t.strictSame(writtenToAnnexes({ writes: [putAnnex(object, pools)] }), {
    '/ippoold/v1/annexes/ippools/p':
      '{"uid":"u","generation":4,"spec":{"a":1},"metadata":{"managedFields":[{"manager":"kubectl"}]}}',
  })
  t.equal(metadataOf({ name: 'p', object: withoutAnnex(object.object) }), '{"name":"p","uid":"u","labels":{"a":"b"}}')
  t.end()
})

t.test('if the value has no place for metadata, the annex holds all of it', (t) => {
  const object = named({ uid: 'u', resourceVersion: '7', labels: { a: 'b' } })
  t.strictSame(writtenToAnnexes({ writes: [putAnnex(object, configurations)] }), {
    '/ippoold/v1/annexes/ipamconfigurations/p':
      '{"uid":"u","generation":1,"spec":{"a":1},"metadata":{"uid":"u","labels":{"a":"b"}}}',
  })
  t.ok(declareAnnexes(configurations, () => ipamConfigKey).holdsAllMetadata)
  t.notOk(declareAnnexes(pools, poolKey).holdsAllMetadata)
  t.end()
})

t.test('an object is shown with its annex, unless that belongs to another one', (t) => {
  const annex = { value: { uid: 'u', generation: 4, spec: { a: 1 }, metadata: { managedFields } }, revision: 9n }
  const { prefix, join } = declareAnnexes<StoredObject>(pools, poolKey)
  t.equal(prefix, '/ippoold/v1/annexes/ippools/')
  const cases: readonly (readonly [name: string, shown: StoredObject, metadata: string])[] = [
    [
      'as it was written',
      join(named({ uid: 'u' }), 9n, annex),
      '{"name":"p","uid":"u","managedFields":[{"manager":"kubectl"}],"generation":4}',
    ],
    [
      'written by another, who left the spec as it was',
      join(named({ uid: 'u', labels: { c: 'd' } }), 12n, annex),
      '{"name":"p","uid":"u","labels":{"c":"d"},"managedFields":[{"manager":"kubectl"}],"generation":4}',
    ],
    [
      'written by another, who changed the spec',
      join(named({ uid: 'u' }, { a: 2 }), 12n, annex),
      '{"name":"p","uid":"u","managedFields":[{"manager":"kubectl"}],"generation":5}',
    ],
    ['another object of the same name', join(named({ uid: 'v' }), 12n, annex), '{"name":"p","uid":"v","generation":1}'],
    ['no annex', join(named({ uid: 'u' }), 9n, undefined), '{"name":"p","uid":"u","generation":1}'],
    [
      'no metadata of its own',
      declareAnnexes<StoredObject>(configurations, () => ipamConfigKey).join(named({}), 9n, {
        ...annex,
        value: { ...annex.value, metadata: { uid: 'u', labels: { a: 'b' } } },
      }),
      '{"name":"p","uid":"u","labels":{"a":"b"},"generation":4}',
    ],
  ]
  for (const [name, shown, metadata] of cases) t.equal(metadataOf(shown), metadata, name)
  t.end()
})

t.test('an annex is read even if there is no object', (t) => {
  const view = new FakeView()
  t.strictSame(withAnnex(view, { kind: 'absent' }, 'p', pools), { kind: 'absent' })
  t.ok(view.reads.has(annexKey('ippools', 'p').text))
  const value = named({ uid: 'u' })
  const lookup = { kind: 'value', value, revision: 2n } as const
  view.apply({ answer: undefined, writes: [putAnnex(named({ uid: 'u', managedFields }), pools)] })
  t.match(withAnnex(view, lookup, 'p', pools), { value: { object: { metadata: { managedFields } } }, revision: 2n })
  view.putText(annexKey('ippools', 'p').text, '{')
  t.match(withAnnex(view, lookup, 'p', pools), { value: { object: { metadata: { generation: 1 } } } }, 'broken: none')
  t.end()
})

t.test('an annex is removed with its object', (t) => {
  const view = new FakeView()
  t.strictSame(removeAnnex(view, 'ippools', 'p'), [])
  view.apply({ answer: undefined, writes: [putAnnex(named({}), pools)] })
  view.apply({ answer: undefined, writes: removeAnnex(view, 'ippools', 'p') })
  t.strictSame(view.keys('/'), [])
  t.end()
})

t.test('without a valid generation, the generation is 1', (t) => {
  for (const [generation, want] of [
    [3, 3],
    [0, 1],
    ['x', 1],
    [null, 1],
  ] as const)
    t.equal(generationOf({ generation }), want)
  t.equal(generationOf({}), 1)
  t.end()
})

const orphan = '{"uid":"u","generation":1,"spec":{},"metadata":{}}'
const resources = '/calico/resources/v3/projectcalico.org'

t.test('annexes whose objects are gone are removed, for each kind', (t) => {
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
    for (const name of ['gone', 'other', 'there']) view.putText(keyOf(name), orphan)
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
  view.putText(key, orphan)
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

t.test('the commit compares the annex and the absence of the object', (t) => {
  const view = new FakeView()
  const key = annexKey('ippools', 'gone')
  view.putText(key.text, orphan)
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

t.test('many annexes take several steps, each of which fits into a transaction', (t) => {
  const view = new FakeView()
  const names = Array.from({ length: 150 }, (_, number) => `pool-${number}`)
  for (const name of names) view.putText(annexKey('ippools', name).text, orphan)
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
