import t from 'tap'
import { openapiDocument } from '../../../sdk/openapi-document.ts'
import { startServer } from '../server-in-memory.ts'

interface Body {
  readonly content?: Readonly<
    Record<
      string,
      { readonly schema?: { readonly $ref?: string }; readonly example?: unknown; readonly examples?: object }
    >
  >
}

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly requestBody?: Body
  readonly responses: Readonly<Record<string, Body & { readonly description: string }>>
}

interface Document {
  readonly openapi: string
  readonly info: { readonly version: string; readonly license: { readonly identifier: string } }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

const document = JSON.parse(await openapiDocument('1.2.3')) as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, method, ...operation })),
)

t.test('the document is the same every time', async (t) => {
  t.equal(await openapiDocument('1.2.3'), await openapiDocument('1.2.3'))
  t.match(document, { openapi: '3.1.0', info: { version: '1.2.3', license: { identifier: 'Apache-2.0' } } })
})

t.test('every operation has a name of its own, says what it does, and shows an example of every body', (t) => {
  t.ok(operations.length >= 9)
  t.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length)
  for (const { name, operationId, summary, description, tags, requestBody, responses } of operations) {
    t.match(operationId, /^[a-z][A-Za-z]+$/, name)
    t.ok(summary && description && tags?.length === 1, name)
    const bodies = [...(requestBody ? [requestBody] : []), ...Object.values(responses)]
    for (const media of bodies.flatMap(({ content }) => Object.values(content ?? {})))
      t.ok(media.example ?? media.examples, name)
  }
  t.end()
})

t.test('every operation says how it fails, with one body', (t) => {
  for (const { name, responses } of operations) {
    for (const code of ['400', '406', '500', '503']) t.ok(responses[code], `${name} ${code}`)
    for (const [code, { content }] of Object.entries(responses)) {
      if (code >= '400')
        t.equal(content?.['application/json']?.schema?.$ref, '#/components/schemas/Status', `${name} ${code}`)
    }
  }
  t.end()
})

t.test('what is asked for and what is answered have named schemas', (t) => {
  const names = [
    'Allocation',
    'AssignRequest',
    'Assignment',
    'FailedRelease',
    'Health',
    'Release',
    'ReleaseItem',
    'ReleaseRequest',
  ]
  t.strictSame(
    names.filter((name) => !(name in document.components.schemas)),
    [],
  )
  for (const { name, path, requestBody } of operations) {
    if (!path.startsWith('/ipam/') || !requestBody) continue
    t.strictSame(Object.keys(requestBody.content ?? {}), ['application/json', 'application/yaml'], name)
  }
  t.end()
})

t.test('every route is in the document, and nothing else is', async (t) => {
  const { app } = startServer(t)
  const routes = new Set<string>()
  // Routes are told as they are registered, which is when the server gets ready.
  app.addHook('onRoute', ({ method, url, schema }) => {
    if (schema?.hide === true || url.startsWith('/docs')) return
    for (const name of [method].flat())
      if (name !== 'HEAD') routes.add(`${name.toLowerCase()} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
  })
  await app.ready()
  t.strictSame(operations.map(({ name }) => name).sort(), [...routes].sort())
})
