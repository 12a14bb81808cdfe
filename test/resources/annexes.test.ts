import t from 'tap'
import { annexKey, ipamConfigKey, type JsonObject, poolKey, stringifyJson } from '../../src/model/index.ts'
import {
  declareAnnexes,
  generationOf,
  putAnnex,
  removeAnnex,
  withAnnex,
  withoutAnnex,
} from '../../src/resources/annexes.ts'
import type { StoredObject } from '../../src/resources/kind.ts'
import { FakeView } from '../support/fake-view.ts'
import { annexed } from './fixtures.ts'

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
  t.strictSame(annexed({ writes: [putAnnex(object, pools)] }), {
    '/ippoold/v1/annexes/ippools/p':
      '{"uid":"u","generation":4,"spec":{"a":1},"metadata":{"managedFields":[{"manager":"kubectl"}]}}',
  })
  t.equal(metadataOf({ name: 'p', object: withoutAnnex(object.object) }), '{"name":"p","uid":"u","labels":{"a":"b"}}')
  t.end()
})

t.test('if the value has no place for metadata, the annex holds all of it', (t) => {
  const object = named({ uid: 'u', resourceVersion: '7', labels: { a: 'b' } })
  t.strictSame(annexed({ writes: [putAnnex(object, configurations)] }), {
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
