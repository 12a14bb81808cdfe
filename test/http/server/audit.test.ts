import t, { type Test } from 'tap'
import { type AuditRule, defaultPolicy } from '../../../src/audit/index.ts'
import { startServer } from '../server-in-memory.ts'

interface Event {
  readonly requestURI: string
  readonly objectRef?: object
  readonly requestObject?: unknown
}

/** A server that records the calls that a rule matches; `recorded` are their events so far. */
function startAudited(t: Test, rule: Omit<AuditRule, 'omitStages'>) {
  const recorded: Event[] = []
  const sink = {
    problem: undefined,
    write: (line: string) => {
      recorded.push(JSON.parse(line) as Event)
      return undefined
    },
    miss: () => undefined,
  }
  const audit = { policy: { ...defaultPolicy, rules: [{ ...rule, omitStages: [] }] }, sink }
  return { ...startServer(t, { audit }), recorded }
}

t.test('a call is recorded by the route that it reaches, however its path is written', async (t) => {
  const group = 'projectcalico.org'
  const rule = { level: 'Metadata', resources: [{ group, resources: ['ippools'], resourceNames: [] }] } as const
  const { call, recorded } = startAudited(t, rule)
  const other = startAudited(t, { ...rule, resources: [{ ...rule.resources[0], group: 'ippoold.io' }] })
  for (const path of ['/apis/projectcalico.org/v3/ippools', '/%61pis/projectcalico.org/v3/ippools/blue']) {
    t.match(await call('GET', path), { status: 200 })
    t.match(recorded.pop(), { requestURI: path, objectRef: { resource: 'ippools', apiGroup: group, apiVersion: 'v3' } })
    await other.call('GET', path)
  }
  t.strictSame(other.recorded, [])
  const policies = startAudited(t, {
    level: 'Metadata',
    resources: [{ group: 'ippoold.io', resources: ['accesspolicies'], resourceNames: [] }],
  })
  await policies.call('GET', '/apis/ippoold.io/v1/accesspolicies/none')
  await policies.call('GET', '/%61pis/ippoold%2Eio/v1/accesspolicies/none')
  t.equal(policies.recorded.length, 2)
  const paths = startAudited(t, { level: 'Metadata', nonResourceURLs: ['/apis/authorization*', '/nothing*'] })
  const review = { spec: { resourceAttributes: { verb: 'get', resource: 'nodes' } } }
  await paths.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review)
  await paths.call('POST', '/apis/authorization%2Ek8s.io/v1/selfsubjectaccessreviews', review)
  await paths.call('GET', '/nothing/here')
  t.equal(paths.recorded.length, 3)
})

t.test('a body in protobuf is not recorded: byte by byte it would be ten times as long', async (t) => {
  const { app, recorded } = startAudited(t, { level: 'RequestResponse' })
  await app.inject({
    method: 'POST',
    url: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
    payload: Buffer.from('k8s\0\x12\x00'),
  })
  t.match(recorded, [{ requestURI: /reviews/ }])
  t.notOk(recorded.some((event) => 'requestObject' in event))
})
