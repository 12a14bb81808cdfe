import fastify from 'fastify'
import t from 'tap'
import { openapiDocument } from '../../../sdk/openapi-document.ts'
import { statusOf } from '../../../src/http/schemas/index.ts'
import { handleErrors } from '../../../src/http/server/error-handling.ts'
import { requireGranted, reasons, RefusalError, refuseFields } from '../../../src/http/wire/index.ts'
import { refuse, success, type Reason } from '../../../src/plan/index.ts'

/** Written down a second time, so that no status changes by accident. */
const codes: Readonly<Record<Reason, number>> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestTimeout: 408,
  UnsupportedMediaType: 415,
  MisdirectedRequest: 421,
  AlreadyExists: 409,
  AddressInUse: 409,
  Conflict: 409,
  InsufficientAddresses: 409,
  IdempotencyKeyReused: 422,
  Expired: 410,
  RequestEntityTooLarge: 413,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  OutcomeUnknown: 500,
}

t.test('the table has every reason, with the status that it is told with', (t) => {
  const told = Object.fromEntries(Object.entries(reasons).map(([reason, { code }]) => [reason, code]))
  t.strictSame(told, codes)
  t.end()
})

t.test('the OpenAPI document has every reason', async (t) => {
  const document = JSON.parse(await openapiDocument('0.0.0')) as {
    components: { schemas: { StatusReason: { enum: string[]; description: string } } }
  }
  const { StatusReason: reason } = document.components.schemas
  t.strictSame([...reason.enum].sort(), Object.keys(codes).sort())
  for (const [name, code] of Object.entries(codes)) t.match(reason.description, `\`${name}\` (${code})`)
})

t.test('every reason is answered with its status and one body', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  handleErrors(app)
  app.get<{ Params: { reason: Reason } }>('/:reason', ({ params: { reason } }) => {
    throw new RefusalError({ reason, message: `because of ${reason}`, causes: [] })
  })
  for (const [reason, code] of Object.entries(codes)) {
    const answer = await app.inject(`/${reason}`)
    t.equal(answer.statusCode, code, reason)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' }
    t.strictSame(answer.json(), { ...status, message: `because of ${reason}`, reason, code })
  }
})

t.test('details say what a refusal is about, why, and when to try again', (t) => {
  const cause = { field: 'spec.cidr', reason: 'FieldValueInvalid', message: 'is wrong' } as const
  const subject = { name: 'a', group: 'projectcalico.org', kind: 'IPPool' }
  const status = statusOf(
    new RefusalError({ reason: 'Invalid', message: 'no', causes: [cause] }, { subject, retryAfterSeconds: 3 }),
  )
  t.strictSame(status.details, {
    ...subject,
    causes: [{ reason: 'FieldValueInvalid', message: 'is wrong', field: 'spec.cidr' }],
    retryAfterSeconds: 3,
  })
  t.equal(statusOf(new RefusalError({ reason: 'Invalid', message: 'no', causes: [] })).details, undefined)
  t.end()
})

t.test('an answer lists a hundred causes, however many there are', (t) => {
  const causes = Array.from(
    { length: 10_000 },
    (_, index) => ({ field: `f${index}`, reason: 'FieldValueInvalid', message: 'wrong' }) as const,
  )
  const status = statusOf(refuseFields('Invalid', causes))
  t.equal(status.details?.causes?.length, 100)
  t.match(status.message, /^f0: wrong; f1: wrong; .*; and 9992 more$/)
  t.end()
})

t.test('an answer does not repeat what it was sent at length', (t) => {
  const long = 'x'.repeat(300_000)
  const causes = Array.from(
    { length: 100 },
    () => ({ field: long, reason: 'FieldValueInvalid', message: long }) as const,
  )
  const status = statusOf(
    new RefusalError({ reason: 'Invalid', message: long, causes }, { subject: { name: long, kind: 'IPPool' } }),
  )
  t.match(status.message, /^x{16384}\.\.\.$/)
  t.match(status.details, { name: /^x{1024}\.\.\.$/, kind: 'IPPool' })
  t.match(status.details?.causes?.[99], { field: /^x{1024}\.\.\.$/, message: /^x{1024}\.\.\.$/ })
  t.end()
})

t.test('a granted result is its value, and a refused one is thrown with its subject', (t) => {
  t.equal(requireGranted(success(1)), 1)
  try {
    requireGranted(refuse('NotFound', 'it is not here'), { name: 'a' })
    t.fail('it is thrown')
  } catch (error) {
    t.ok(error instanceof RefusalError)
    t.match(error, { refusal: { reason: 'NotFound', message: 'it is not here' }, subject: { name: 'a' } })
  }
  t.end()
})
