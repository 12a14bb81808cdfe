import t from 'tap'
import { printEvent, printMissing, redactBody } from '../../src/audit/index.ts'
import { redactUrl } from '../../src/audit/redaction.ts'
import { JsonNumber, stringifyJson } from '../../src/model/index.ts'

const receivedAt = { nanoseconds: 1_794_812_345_678_901_234n }
const call = {
  id: 'r1',
  url: '/ipam/v1/assign?dryRun=All',
  verb: 'assign',
  caller: { user: 'alice', uid: '7', groups: ['blue'] },
  source: '10.0.0.9',
  agent: 'curl/8',
  receivedAt,
}

t.test('an event is one line in the form of audit.k8s.io/v1', async (t) => {
  const line = printEvent(call, {
    level: 'Request',
    stage: 'ResponseComplete',
    at: { nanoseconds: receivedAt.nanoseconds + 1_000_000n },
    object: { resource: 'addresses', name: undefined, apiVersion: 'v1' },
    status: { code: 409, reason: 'AddressInUse', message: 'taken' },
    annotations: {
      'ippoold.io/handle': 'a',
      'ippoold.io/addresses': ['10.0.0.1', '10.0.0.2'],
      'ippoold.io/node': undefined,
    },
    sent: { ipv4: new JsonNumber('1.0') },
  })
  t.ok(line.endsWith('}\n'))
  t.equal(line.indexOf('\n'), line.length - 1)
  t.match(line, '"requestObject":{"ipv4":1.0}')
  t.strictSame(JSON.parse(line), {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Request',
    auditID: 'r1',
    stage: 'ResponseComplete',
    requestURI: '/ipam/v1/assign?dryRun=All',
    verb: 'assign',
    user: { username: 'alice', uid: '7', groups: ['blue'] },
    sourceIPs: ['10.0.0.9'],
    userAgent: 'curl/8',
    objectRef: { resource: 'addresses', apiVersion: 'v1' },
    responseStatus: { metadata: {}, status: 'Failure', message: 'taken', reason: 'AddressInUse', code: 409 },
    requestObject: { ipv4: 1 },
    requestReceivedTimestamp: '2026-11-16T06:59:05.678901Z',
    stageTimestamp: '2026-11-16T06:59:05.679901Z',
    annotations: { 'ippoold.io/handle': 'a', 'ippoold.io/addresses': '10.0.0.1,10.0.0.2' },
  })
})

t.test('what is not known is left out', async (t) => {
  const unknown = { ...call, caller: undefined, source: undefined, agent: undefined }
  const line = printEvent(unknown, { level: 'Metadata', stage: 'RequestReceived', at: receivedAt, annotations: {} })
  const event: unknown = JSON.parse(line)
  t.match(event, { user: {} })
  for (const name of ['sourceIPs', 'userAgent', 'objectRef', 'responseStatus', 'requestObject', 'responseObject']) {
    t.notOk(name in (event as object), name)
  }
})

t.test('calls without events of their own are counted in one', async (t) => {
  t.match(JSON.parse(printMissing('r2', 'refused-at-limit', 3, receivedAt)), {
    auditID: 'r2',
    responseStatus: { code: 503, message: /^3 calls were refused/ },
    annotations: { 'ippoold.io/calls-refused-at-limit': '3' },
  })
  t.match(JSON.parse(printMissing('r2', 'dropped', 3, receivedAt)), {
    responseStatus: { message: /^3 events were dropped/ },
    annotations: { 'ippoold.io/calls-dropped': '3' },
  })
})

const secret = `ippoold_${'aZ9'.repeat(16)}b`
const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl-_'

t.test('a secret is in no event, wherever it stands', async (t) => {
  for (const text of [secret, jwt, `Bearer abc.def-${jwt}`, 'Basic dXNlcjpzZWNyZXQ=']) {
    const line = printEvent(
      { ...call, url: `/x/${text}?a=${text}`, agent: text, caller: { user: text, groups: [text] } },
      {
        level: 'RequestResponse',
        stage: 'ResponseComplete',
        at: receivedAt,
        object: { resource: 'x', name: text, apiVersion: 'v1' },
        status: { code: 400, message: `"${text}" is wrong` },
        annotations: { 'ippoold.io/handle': text },
        sent: { attributes: { x: text } },
        answered: [text],
      },
    )
    const event: unknown = JSON.parse(line)
    t.notMatch(line, text.split(' ').at(-1) ?? '', 'the text is gone')
    t.match(event, { userAgent: '[redacted]', responseStatus: { message: '"[redacted]" is wrong' } })
  }
  t.equal(redactUrl('/x?a=1&token=abc&access_token=d&b=2'), '/x?a=1&token=[redacted]&access_token=[redacted]&b=2')
  t.equal(redactUrl('/token=abc'), '/token=abc')
})

t.test('members of bodies that are secrets by their name lose their values', async (t) => {
  const body = {
    kind: 'AccessToken',
    metadata: { name: 'token', managedFields: [{ manager: 'x' }] },
    spec: { user: 'alice', clientSecret: 'a', count: new JsonNumber('1.50'), tokens: 3 },
    status: { token: 'a', Password: 'b', refreshToken: 'c', token2: null },
    list: [{ authorization: 'x' }, true],
    other: Symbol('x'),
  }
  const redacted = {
    kind: 'AccessToken',
    metadata: { name: 'token' },
    spec: { user: 'alice', clientSecret: '[redacted]', count: 1.5, tokens: 3 },
    status: { token: '[redacted]', Password: '[redacted]', refreshToken: '[redacted]', token2: null },
    list: [{ authorization: '[redacted]' }, true],
    other: null,
  }
  const text = stringifyJson(redactBody(body, { omitManagedFields: true }))
  t.strictSame(JSON.parse(text), redacted)
  t.match(text, '1.50')
  const kept: unknown = JSON.parse(stringifyJson(redactBody(body, { omitManagedFields: false })))
  t.match(kept, { metadata: { managedFields: [{ manager: 'x' }] } })
})
