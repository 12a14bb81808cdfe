import t from 'tap'
import { blockKey, type JsonObject, newBlock, stringifyJson } from '../../../src/model/index.ts'
import { mustParseCidr } from '../../../src/net/index.ts'
import { planDelete, planCreate, planMergePatch, planReplace, planRead } from '../../../src/resources/index.ts'
import { ipamconfigurationKind as kind } from '../../../src/resources/kinds/ipamconfiguration.ts'
import { objectIn, showObject } from '../../../src/resources/object/index.ts'
import { FakeView } from '../../support/fake-view.ts'
import { causesOf, context, granted, strict, written } from '../fixtures.ts'

const key = '/calico/ipam/v2/config'

function body(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { metadata: { name: 'default', ...metadata }, spec }
}

function storedAs(text: string): FakeView {
  const view = new FakeView()
  view.putText(key, text)
  return view
}

/** What is sent, what is stored for it, and what is shown of it. */
const forms: readonly (readonly [sent: JsonObject, stored: string, shown: JsonObject])[] = [
  [{}, '{"auto_allocate_blocks":true}', { strictAffinity: false, autoAllocateBlocks: true }],
  [
    {
      ipCooldownSeconds: 1200,
      kubeVirtVMAddressPersistence: 'Disabled',
      maxBlocksPerHost: 1_000_000,
      autoAllocateBlocks: true,
      strictAffinity: true,
    },
    '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":1000000,"kubeVirtVMAddressPersistence":"Disabled","ipCooldownSeconds":1200}',
    {
      strictAffinity: true,
      autoAllocateBlocks: true,
      maxBlocksPerHost: 1_000_000,
      kubeVirtVMAddressPersistence: 'Disabled',
      ipCooldownSeconds: 1200,
    },
  ],
  [
    { strictAffinity: true, autoAllocateBlocks: false, maxBlocksPerHost: 0, kubeVirtVMAddressPersistence: '' },
    '{"strict_affinity":true}',
    { strictAffinity: true, autoAllocateBlocks: false },
  ],
  [
    { kubeVirtVMAddressPersistence: 'Enabled' },
    '{"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Enabled"}',
    { strictAffinity: false, autoAllocateBlocks: true, kubeVirtVMAddressPersistence: 'Enabled' },
  ],
]

t.test(
  'the object is stored as the key that IPAM reads, without what Go leaves out, and shown as it was stored',
  (t) => {
    for (const [sent, stored, shown] of forms) {
      const view = new FakeView()
      const plan = planCreate(view, kind, body(sent), strict)
      t.strictSame(written(plan), { [key]: stored })
      view.apply(plan)
      const { value, revision } = granted(planRead(view, kind, 'default'))
      t.match(JSON.parse(stringifyJson(showObject(kind, value, revision))), {
        kind: 'IPAMConfiguration',
        apiVersion: 'projectcalico.org/v3',
        metadata: {
          resourceVersion: String(view.revision),
          name: 'default',
          uid: strict.uid,
          creationTimestamp: '2026-11-23T03:59:00Z',
          generation: 1,
        },
        spec: shown,
      })
    }
    t.end()
  },
)

t.test('what is stored without auto_allocate_blocks has it off: it is not mixed with the defaults', (t) => {
  const { value } = granted(planRead(storedAs('{"strict_affinity":true}'), kind, 'default'))
  t.match(value.object, { spec: { strictAffinity: true, autoAllocateBlocks: false } })
  t.end()
})

t.test('there is one object', (t) => {
  const view = storedAs('{}')
  t.match(planRead(view, kind, 'other').answer, { ok: false, refusal: { reason: 'NotFound' } })
  t.match(planCreate(view, kind, body({}), strict).answer, { ok: false, refusal: { reason: 'AlreadyExists' } })
  t.strictSame(causesOf(planCreate(view, kind, { metadata: { name: 'other' } }, strict)), [
    'metadata.name: FieldValueInvalid',
  ])
  t.end()
})

t.test('the rules of each setting, and between them', (t) => {
  const cases: readonly (readonly [spec: JsonObject, ...causes: string[]])[] = [
    [{ maxBlocksPerHost: 1 }, 'spec.maxBlocksPerHost: FieldValueInvalid'],
    [{ maxBlocksPerHost: 1, strictAffinity: true }],
    [{ maxBlocksPerHost: -1, strictAffinity: true }, 'spec.maxBlocksPerHost: FieldValueInvalid'],
    [{ maxBlocksPerHost: 1_000_001, strictAffinity: true }, 'spec.maxBlocksPerHost: FieldValueInvalid'],
    [{ autoAllocateBlocks: false }, 'spec.autoAllocateBlocks: FieldValueInvalid'],
    [{ autoAllocateBlocks: false, strictAffinity: true }],
    [{ ipCooldownSeconds: 1201 }, 'spec.ipCooldownSeconds: FieldValueInvalid'],
    [{ ipCooldownSeconds: -1 }, 'spec.ipCooldownSeconds: FieldValueInvalid'],
    [{ ipCooldownSeconds: 1200 }],
    [{ kubeVirtVMAddressPersistence: 'enabled' }, 'spec.kubeVirtVMAddressPersistence: FieldValueNotSupported'],
    [{ strictAffinity: 'x', maxBlocksPerHost: 1 }, 'spec.strictAffinity: FieldValueTypeInvalid'],
  ]
  for (const [spec, ...causes] of cases) {
    const plan = planCreate(new FakeView(), kind, body(spec), strict)
    if (causes.length === 0) t.ok(plan.answer.ok, JSON.stringify(spec))
    else t.strictSame(causesOf(plan), causes, JSON.stringify(spec))
  }
  t.end()
})

t.test('a change is validated by its outcome', (t) => {
  const view = storedAs('{"strict_affinity":true,"maxBlocksPerHost":2}')
  t.strictSame(causesOf(planMergePatch(view, kind, 'default', { spec: { strictAffinity: false } }, context)), [
    'spec.autoAllocateBlocks: FieldValueInvalid',
    'spec.maxBlocksPerHost: FieldValueInvalid',
  ])
  const eased = { spec: { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: null } }
  t.strictSame(written(planMergePatch(view, kind, 'default', eased, context)), {
    [key]: '{"auto_allocate_blocks":true}',
  })
  t.end()
})

t.test('strict affinity is switched although there are blocks, as Calico lets it be', (t) => {
  const view = new FakeView()
  const block = newBlock(mustParseCidr('10.0.0.0/26'), { type: 'host', name: 'n' }, context.now)
  view.put(blockKey(block.cidr), block)
  t.ok(planCreate(view, kind, body({ strictAffinity: true }), strict).answer.ok)
  t.end()
})

t.test('fields that only a newer Calico knows stay', (t) => {
  const view = storedAs('{"auto_allocate_blocks":true,"newer":{"a":1}}')
  t.strictSame(written(planReplace(view, kind, 'default', body({ ipCooldownSeconds: 5 }), context)), {
    [key]: '{"auto_allocate_blocks":true,"ipCooldownSeconds":5,"newer":{"a":1}}',
  })
  t.end()
})

t.test("metadata, which Calico's key has no place for, lies in the annex", (t) => {
  const view = new FakeView()
  view.apply(planCreate(view, kind, body({}, { labels: { a: 'b' }, annotations: { c: 'd' } }), strict))
  t.equal(view.text(key), '{"auto_allocate_blocks":true}')
  const { value } = granted(planRead(view, kind, 'default'))
  t.match(value.object, { metadata: { name: 'default', uid: strict.uid, labels: { a: 'b' }, annotations: { c: 'd' } } })
  view.apply(planMergePatch(view, kind, 'default', { metadata: { labels: { a: null } } }, strict))
  const changed = granted(planRead(view, kind, 'default')).value
  t.notOk(objectIn(objectIn(changed.object, 'metadata'), 'labels')['a'])
  t.match(changed.object, { metadata: { annotations: { c: 'd' } } })
  t.end()
})

t.test('a change that changes nothing writes nothing', (t) => {
  const view = storedAs('{"auto_allocate_blocks":true}')
  t.strictSame(written(planReplace(view, kind, 'default', body({}), context)), {})
  t.end()
})

t.test('deleting the object removes all settings, and the defaults apply', (t) => {
  t.strictSame(written(planDelete(storedAs('{"strict_affinity":true}'), kind, 'default', {}, context)), {
    [key]: undefined,
  })
  t.end()
})

t.test('what cannot be read is left alone', (t) => {
  t.match(planRead(storedAs('{'), kind, 'default').answer, { ok: false, refusal: { reason: 'InternalError' } })
  t.end()
})

t.test('while nothing is stored, the defaults are shown, and changing them stores them', (t) => {
  const view = new FakeView()
  const { value, revision } = granted(planRead(view, kind, 'default'))
  t.equal(revision, undefined)
  t.match(showObject(kind, value, revision), {
    metadata: { name: 'default' },
    spec: { strictAffinity: false, autoAllocateBlocks: true, kubeVirtVMAddressPersistence: 'Enabled' },
  })
  const cooling = { spec: { ipCooldownSeconds: 5 } }
  const stored = { [key]: '{"auto_allocate_blocks":true,"ipCooldownSeconds":5}' }
  t.strictSame(written(planMergePatch(view, kind, 'default', cooling, strict)), {
    [key]: '{"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Enabled","ipCooldownSeconds":5}',
  })
  t.match(granted(planMergePatch(view, kind, 'default', cooling, strict)), {
    isWritten: true,
    revisionBefore: undefined,
  })
  t.strictSame(written(planReplace(view, kind, 'default', cooling, strict)), stored)
  t.strictSame(written(planCreate(view, kind, body({ ipCooldownSeconds: 5 }), strict)), stored)
  const refusals = [
    [planReplace(view, kind, 'default', 'x', strict), 'BadRequest'],
    [planReplace(view, kind, 'default', { metadata: { name: 'other' } }, strict), 'BadRequest'],
    [planReplace(view, kind, 'other', cooling, strict), 'NotFound'],
    [planMergePatch(view, kind, 'other', cooling, strict), 'NotFound'],
    [planMergePatch(view, kind, 'default', { spec: { autoAllocateBlocks: false } }, strict), 'Invalid'],
    [planDelete(view, kind, 'default', {}, context), 'NotFound'],
  ] as const
  for (const [{ answer }, reason] of refusals) t.match(answer, { ok: false, refusal: { reason } })
  t.end()
})
