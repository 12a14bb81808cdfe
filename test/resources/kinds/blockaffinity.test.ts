import t from 'tap'
import { affinityKey } from '../../../src/model/index.ts'
import { formatCidr, mustParseCidr } from '../../../src/net/index.ts'
import { planRead } from '../../../src/resources/index.ts'
import { blockaffinityKind as kind } from '../../../src/resources/kinds/blockaffinity.ts'
import { FakeView } from '../../support/fake-view.ts'
import { granted } from '../fixtures.ts'

/** The type and name of an owner, a block, what is stored of the claim, and the state that it is shown with. */
const claims: readonly (readonly [
  type: 'host' | 'virtual',
  owner: string,
  cidr: string,
  stored: string,
  state: string,
])[] = [
  ['host', 'node1', '10.10.0.8/29', '{"state":"confirmed","deleted":false}', 'confirmed'],
  ['host', 'node-1.a', '10.10.0.0/29', '{"state":"pending","deleted":false}', 'pending'],
  ['host', 'n', 'fd00::40/122', '{"state":"pendingDeletion","deleted":false}', 'pendingDeletion'],
  ['host', 'old', 'fd00:1:2:3::/122', '', 'confirmed'],
  ['virtual', 'load-balancer', '10.9.0.0/26', '{"state":"confirmed"}', 'confirmed'],
]

function stored(): FakeView {
  const view = new FakeView()
  for (const [type, name, cidr, text] of claims)
    view.putText(affinityKey({ type, name }, mustParseCidr(cidr)).text, text)
  return view
}

/** Calico leaves the dots of a node's name in that of its claim. */
const shownName = (owner: string, cidr: string): string => `${owner}-${cidr.replace(/[.:/]/g, '-')}`

t.test('each claim is read by its name', (t) => {
  const view = stored()
  for (const [type, owner, cidr, , state] of claims) {
    const { value } = granted(planRead(view, kind, shownName(owner, cidr)))
    t.strictSame(value.object, {
      kind: 'BlockAffinity',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: shownName(owner, cidr) },
      spec: { state, node: owner, type, cidr, deleted: false },
    })
  }
  t.end()
})

t.test('an object of a list can be read by its name', (t) => {
  const view = stored()
  const names = kind.storage.families.flatMap((family) =>
    view.list(family, 'hint').flatMap((entry) => (entry.kind === 'value' ? [entry.value.name] : [entry.problem])),
  )
  t.strictSame(names.toSorted(), claims.map(([, owner, cidr]) => shownName(owner, cidr)).toSorted())
  t.end()
})

t.test('no object has another name', (t) => {
  const view = stored()
  const names = [
    '',
    '-',
    'node1',
    '10-10-0-8-29',
    'node1-10-10-0-8',
    'node1-10-10-0-9-29',
    'node1-010-10-0-8-29',
    'node1-10-10-0-8-29-',
  ]
  for (const name of names)
    t.match(planRead(view, kind, name).answer, { ok: false, refusal: { reason: 'NotFound' } }, name)
  t.end()
})

t.test('a claim that cannot be read is left alone', (t) => {
  const view = stored()
  view.putText(affinityKey({ type: 'host', name: 'bad' }, mustParseCidr('10.10.0.0/29')).text, '{')
  t.match(planRead(view, kind, 'bad-10-10-0-0-29').answer, { ok: false, refusal: { reason: 'InternalError' } })
  t.end()
})

t.test('the example is one that is shown', (t) => {
  const parsed = kind.parse(kind.example)
  t.match(parsed, { ok: true, value: { name: shownName('node-1', formatCidr(mustParseCidr('10.1.0.0/26'))) } })
  t.strictSame(kind.withDefaults({ a: 1 }), { a: 1 })
  t.end()
})
