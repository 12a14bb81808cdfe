import t from 'tap'
import { isJsonObject, type Json, type JsonObject } from '../../../src/model/index.ts'
import { objectIn } from '../../../src/resources/index.ts'
import { startServer } from '../server-in-memory.ts'

interface Parameter {
  readonly name: string
  readonly required?: boolean
  readonly description?: string
  readonly example?: Json
  readonly schema?: JsonObject
}

interface Operation {
  readonly name: string
  readonly tags: readonly string[]
  readonly parameters?: readonly Parameter[]
}

interface Page {
  readonly document: JsonObject
  readonly operations: readonly Operation[]
  readonly groups: readonly { readonly name: string; readonly description: string }[]
}

/** The document that the page under /docs reads. */
async function readPage(t: Parameters<typeof startServer>[0]): Promise<Page> {
  const { app } = startServer(t)
  const document: Json = (await app.inject('/docs/json')).json()
  if (!isJsonObject(document)) throw new Error('the document is not an object')
  const operations = Object.entries(objectIn(document, 'paths')).flatMap(([path, item]) =>
    Object.entries(isJsonObject(item) ? item : {}).map(([method, operation]) => ({
      ...(operation as unknown as Omit<Operation, 'name'>),
      name: `${method} ${path}`,
    })),
  )
  return { document, operations, groups: document['tags'] as unknown as Page['groups'] }
}

t.test('an optional parameter is empty until a person fills it in, and says what it may look like', async (t) => {
  const { operations } = await readPage(t)
  const optional = operations.flatMap(({ name, parameters = [] }) =>
    parameters.filter(({ required }) => required !== true).map((parameter) => ({ operation: name, ...parameter })),
  )
  t.ok(optional.some(({ name }) => name === 'dryRun') && optional.some(({ name }) => name === 'Idempotency-Key'))
  for (const { operation, name, example, schema } of optional) {
    t.strictSame(
      [example, schema?.['example'], schema?.['examples']],
      [undefined, undefined, undefined],
      `${operation} ${name}`,
    )
  }
  t.match(
    optional.find(({ name }) => name === 'labelSelector'),
    { description: /Example: `team=network`/ },
  )
  const required = operations.flatMap(({ parameters = [] }) => parameters.filter(({ required }) => required === true))
  t.ok(required.length > 0 && required.every(({ example }) => example !== undefined))
})

t.test('the name of an object is that of the example of its kind', async (t) => {
  const { operations } = await readPage(t)
  const named = operations.filter(({ name }) => name.includes('/apis/') && name.includes('{name}'))
  const examples = named.map(({ name, parameters = [] }) => [
    name.replace(/^.*v3\/(\w+)\/.*$/, '$1'),
    parameters.find((parameter) => parameter.name === 'name')?.example,
  ])
  t.match(Object.fromEntries(examples), {
    ippools: 'my.ippool-1',
    ipreservations: 'gateways',
    ipamconfigurations: 'default',
    nodes: 'node-1',
    blockaffinities: 'node-1-10-1-0-0-26',
    ipamhandles: 'vm-42',
  })
})

t.test('operations are grouped by what people do, each in one group that says what it is for', async (t) => {
  const { operations, groups } = await readPage(t)
  const used = new Set<string>()
  for (const { name, tags } of operations) {
    t.equal(tags.length, 1, name)
    for (const tag of tags) used.add(tag)
  }
  t.strictSame([...used].sort(), groups.map(({ name }) => name).sort())
  t.ok(groups.every(({ description }) => description !== ''))
  const groupOf = (operation: string): string | undefined => operations.find(({ name }) => name === operation)?.tags[0]
  t.strictSame(
    [
      ...['post /ipam/v1/assign', 'delete /ipam/v1/handles/{handle}', 'get /ipam/v1/handles/{handle}'],
      ...['put /ipam/v1/addresses/{ip}/attributes', 'get /ipam/v1/utilization', 'post /ipam/v1/pools/{name}/split'],
      ...['delete /ipam/v1/nodes/{node}', 'post /ipam/v1/check/repair', 'get /readyz'],
      ...['patch /apis/projectcalico.org/v3/ippools/{name}', 'get /apis/projectcalico.org/v3/nodes'],
    ].map(groupOf),
    [
      ...['Assign and release addresses', 'Assign and release addresses', 'See who holds addresses'],
      ...[
        'See who holds addresses',
        'See how full pools are, and split them',
        'See how full pools are, and split them',
      ],
      ...['Blocks of nodes', 'Check and repair', 'The server', 'ippools', 'nodes'],
    ],
  )
})

t.test('the published document keeps its examples and its tags, from which generators make names', async (t) => {
  const { app } = startServer(t)
  const document: JsonObject = (await app.inject('/openapi.json')).json()
  t.match(document['tags'], [{ name: 'ipam' }, { name: 'resources' }, { name: 'server' }])
  t.match(objectIn(document, 'paths')['/ipam/v1/assign'], {
    post: {
      tags: ['ipam'],
      parameters: [
        { name: 'dryRun', example: 'All' },
        { name: 'Idempotency-Key', example: String },
      ],
    },
  })
})

t.test('the page has a title and a mark of its own', async (t) => {
  const { app } = startServer(t)
  const { body } = await app.inject({ url: '/docs', headers: { accept: 'text/html' } })
  t.match(body, '<title>ippoold: API</title>')
  const icon = /<link rel="icon" type="image\/svg\+xml" href="\.?\/?([^"]+)"/.exec(body)?.[1] ?? 'none'
  const files = [`/${icon.replace(/^docs\//, 'docs/')}`, '/docs/static/swagger-initializer.js']
  const [mark, script] = await Promise.all(files.map((url) => app.inject(url)))
  t.match(mark, { statusCode: 200, headers: { 'content-type': 'image/svg+xml' }, body: /^<svg / })
  t.match(script?.body, Buffer.from(mark?.body ?? '').toString('base64'), 'the mark stands at the top of the page')
})
