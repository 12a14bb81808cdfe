import t from 'tap'
import { Traces } from '../../../src/traces/traces.ts'
import { startServer } from '../server-in-memory.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${traceId}-b7ad6b7169203331-00`

t.test('the answer to a bug names the trace beside the request id, and pages may read the header', async (t) => {
  const settings = {
    // Nothing is sent there: the caller wants no trace to be recorded.
    endpoint: 'http://127.0.0.1:1/',
    protocol: 'http/json',
    sampler: { name: 'parentbased_always_on', ratio: 1 },
    batch: {},
  } as const
  const traces = await Traces.open(settings, '0.1.0', { info: () => undefined, warn: () => t.fail('nothing is wrong') })
  t.teardown(() => traces.close())
  const now = (): never => {
    throw new Error('a bug')
  }
  const callers = { hosts: { listening: 'localhost', allowed: [] }, allowedOrigins: ['https://page.example'] }
  const { call } = startServer(t, { traces, now, callers })
  const headers = { traceparent, 'x-request-id': 'mine', origin: 'https://page.example' }
  const answer = await call('POST', '/ipam/v1/assign', { handle: 'a' }, headers)
  t.equal(answer.status, 500)
  t.match(answer.body['message'], new RegExp(`under the request id mine and the trace id ${traceId}$`))
  t.match(answer.headers, {
    traceresponse: new RegExp(`^00-${traceId}-[\\da-f]{16}-00$`),
    'access-control-expose-headers': /traceresponse/,
  })
})
