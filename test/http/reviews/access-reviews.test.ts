import t, { type Test } from 'tap'
import { type Caller, type Gatekeeper, Policies } from '../../../src/access/index.ts'
import { accessPolicyOf, type JsonObject } from '../../../src/model/index.ts'
import { putPool, startServer } from '../server-in-memory.ts'

const reviews = '/apis/authorization.k8s.io/v1'

function policy(name: string, rules: readonly JsonObject[]) {
  const read = accessPolicyOf({ metadata: { name }, spec: { subjects: [{ kind: 'Group', name }], rules } })
  if (!read.ok) throw new Error(read.problem)
  return read.value
}

const onlyBlue = { poolSelector: "team == 'blue'" }

const policies = new Policies([
  policy('blue', [
    { verbs: ['get', 'list', 'delete'], resources: ['ippools'], ...onlyBlue },
    { verbs: ['assign'], resources: ['addresses'], ...onlyBlue, handles: ['blue.*'], maxAddresses: 5 },
    { verbs: ['release'], resources: ['handles'], handles: ['blue.*', 'one'] },
  ]),
  policy('plain', [
    { verbs: ['*'], resources: ['nodes'] },
    { verbs: ['get'], resources: ['*'] },
  ]),
])

/** A server that takes every caller for a member of these groups. */
function serve(t: Test, ...groups: readonly string[]) {
  const caller: Caller = { user: 'alice', groups }
  const gatekeeper: Gatekeeper = {
    identify: () => ({ ok: true, caller }),
    rightsOf: (one) => policies.rightsOf(one),
  }
  const server = startServer(t, { gatekeeper })
  putPool(server.store, 'red', '10.9.0.0/24', 26)
  putPool(server.store, 'blue', '10.1.0.0/24', 26, {}, { team: 'blue' })
  const can = async (verb: string, resource: string, name = ''): Promise<unknown> => {
    const spec = { resourceAttributes: { verb, resource, ...(name !== '' && { name }) } }
    const { status, body } = await server.call('POST', `${reviews}/selfsubjectaccessreviews`, { spec })
    t.equal(status, 201)
    t.match(body, { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', spec })
    return body['status']
  }
  return { ...server, can }
}

const yes = (policy: string, rule: number, isConditional = false) => ({
  allowed: true,
  reason: `allowed by rule ${rule} of the AccessPolicy "${policy}"${isConditional ? ', under its conditions' : ''}`,
})
const no = { allowed: false, reason: 'no AccessPolicy allows User "alice" this' }

t.test('a review says whether something is allowed, by which rule, and whether that has conditions', async (t) => {
  const { can } = serve(t, 'blue')
  const rows = [
    ['list', 'ippools', '', yes('blue', 0, true)],
    ['deletecollection', 'ippools', '', yes('blue', 0, true)],
    ['create', 'ippools', '', no],
    ['get', 'ippools', 'blue', yes('blue', 0, true)],
    ['get', 'ippools', 'red', no],
    ['get', 'ippools', 'none', no],
    ['assign', 'addresses', '', yes('blue', 1, true)],
    ['release', 'handles', 'blue.7', yes('blue', 2, true)],
    ['release', 'handles', 'red.7', no],
    ['*', 'ippools', '', no],
    ['get', '*', '', no],
    ['get', 'pods', '', no],
    ['eat', 'ippools', '', no],
  ] as const
  for (const [verb, resource, name, want] of rows)
    t.strictSame(await can(verb, resource, name), want, `${verb} ${resource} ${name}`)
  const { can: plain } = serve(t, 'plain')
  t.strictSame(await plain('*', 'nodes'), yes('plain', 0))
  t.strictSame(await plain('get', '*'), yes('plain', 1))
  t.strictSame(await plain('get', 'nodes', 'none'), yes('plain', 0))
  const { can: all } = serve(t, 'ippoold:admins')
  for (const [verb, resource] of [
    ['*', '*'],
    ['eat', 'pods'],
  ] as const)
    t.match(await all(verb, resource), { allowed: true, reason: 'everything is allowed to administrators' })
})

t.test('who reads everything need not ask about paths', async (t) => {
  const { call } = serve(t)
  const ask = (verb: string) =>
    call('POST', `${reviews}/selfsubjectaccessreviews`, { spec: { nonResourceAttributes: { path: '/version', verb } } })
  t.match(await ask('get'), { body: { status: { allowed: true } } })
  t.match(await ask('post'), { body: { status: { allowed: false } } })
})

t.test('a review that asks nothing is refused', async (t) => {
  const { call } = serve(t)
  const path = `${reviews}/selfsubjectaccessreviews`
  t.match(await call('POST', path, { spec: { resourceAttributes: { verb: 'get' } } }), { status: 422 })
  t.match(await call('POST', path, {}), { status: 422 })
  t.match(await call('POST', path, []), { status: 400 })
  const bytes = 'application/vnd.kubernetes.protobuf'
  for (const text of ['', 'k8s', 'k8s\0\x12', 'k8s\0\x12\x03\x12\x7fa', 'k8s\0\x0f', 'k8s\0\xff'])
    t.match(await call('POST', path, text, { 'content-type': bytes }), { status: 400 }, JSON.stringify(text))
})

t.test('kubectl sends protobuf', async (t) => {
  const { app } = serve(t, 'blue')
  // What kubectl 1.32 sends for `auth can-i list ippools`, with a field of each type that has no length before it.
  const inner = (number: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes])
  const text = (number: number, value: string): Buffer => inner(number, Buffer.from(value))
  const attributes = Buffer.concat([text(2, 'list'), text(3, 'projectcalico.org'), text(5, 'ippools')])
  const odd = Buffer.from([0x08, 0x96, 0x01, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0x1d, 0, 0, 0, 0])
  const spec = Buffer.concat([inner(1, attributes), text(4, 'a'), text(4, 'b')])
  const review = Buffer.concat([inner(2, spec), inner(3, Buffer.alloc(0)), odd])
  const meta = Buffer.concat([text(1, 'authorization.k8s.io/v1'), text(2, 'SelfSubjectAccessReview')])
  const payload = Buffer.concat([Buffer.from('k8s\0'), inner(1, meta), inner(2, review), text(4, 'x')])
  const answer = await app.inject({
    method: 'POST',
    url: `${reviews}/selfsubjectaccessreviews`,
    headers: {
      'content-type': 'application/vnd.kubernetes.protobuf',
      accept: 'application/vnd.kubernetes.protobuf,application/json',
    },
    payload,
  })
  t.equal(answer.statusCode, 201)
  t.match(answer.json(), { spec: { groups: ['a', 'b'] }, status: yes('blue', 0, true) })
})

t.test('a field that is repeated very often takes as long as its bytes', async (t) => {
  // Whoever has any credential may send this: if each repetition took as long as all before it, the server would stand still for minutes.
  const { app } = serve(t)
  const count = 400_000
  const varint = (number: number): readonly number[] =>
    number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...varint(number >> 7)]
  const inner = (number: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([number * 8 + 2, ...varint(bytes.length)]), bytes])
  const attributes = inner(1, Buffer.concat([inner(2, Buffer.from('get')), inner(5, Buffer.from('nodes'))]))
  const spec = Buffer.concat([attributes, Buffer.alloc(2 * count, Buffer.from([4 * 8 + 2, 0]))])
  const { statusCode, json } = await app.inject({
    method: 'POST',
    url: `${reviews}/selfsubjectaccessreviews`,
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
    payload: Buffer.concat([Buffer.from('k8s\0'), inner(2, inner(2, spec))]),
  })
  t.equal(statusCode, 201)
  t.equal(json<{ readonly spec: { readonly groups: readonly string[] } }>().spec.groups.length, count)
})

t.test('all rules at once, and what the list cannot say', async (t) => {
  const list = async (...groups: readonly string[]) =>
    (await serve(t, ...groups).call('POST', `${reviews}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } }))
      .body
  t.match(await list('plain'), {
    kind: 'SelfSubjectRulesReview',
    status: {
      resourceRules: [
        { verbs: ['*'], apiGroups: ['projectcalico.org'], resources: ['nodes'] },
        { verbs: ['get'], apiGroups: ['*'], resources: ['*'] },
      ],
      incomplete: false,
    },
  })
  t.match(await list('blue'), {
    status: {
      resourceRules: [{}, { apiGroups: [''], resourceNames: ['blue.*'] }, {}],
      incomplete: true,
      evaluationError: 'some rules apply to some pools only, or up to a limit: rule 0 of "blue", rule 1 of "blue"',
    },
  })
  t.match(await list('ippoold:admins'), { status: { resourceRules: [{ verbs: ['*'], resources: ['*'] }] } })
})

t.test('who may read all policies may ask about others', async (t) => {
  const spec = { user: 'bob', uid: '7', groups: ['blue', 7], resourceAttributes: { verb: 'list', resource: 'ippools' } }
  const ask = (...groups: readonly string[]) =>
    serve(t, ...groups).call('POST', `${reviews}/subjectaccessreviews`, { spec })
  t.match(await ask('plain'), { status: 201, body: { kind: 'SubjectAccessReview', status: yes('blue', 0, true) } })
  t.match(await ask('blue'), { status: 403 })
})
