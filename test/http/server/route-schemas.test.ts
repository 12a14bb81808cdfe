import t from 'tap'
import { startServer } from '../server-in-memory.ts'

t.test('the schemas of every route compile: a request is the first to need them', async (t) => {
  const { app } = startServer(t)
  let compiled = 0
  app.addHook('onRoute', ({ method, url, schema = {} }) => {
    for (const part of ['body', 'querystring', 'params', 'headers'] as const) {
      for (const each of schemasOf(schema[part])) {
        const validate = app.validatorCompiler?.({ schema: each, method: String(method), url, httpPart: part })
        t.doesNotThrow(() => validate?.({}), `${part} of ${String(method)} ${url}`)
        compiled += 1
      }
    }
  })
  await app.ready()
  t.ok(compiled > 50)
})

/** The schema of a part of a request; that of a body may stand once for each media type. */
function schemasOf(part: unknown): readonly object[] {
  if (typeof part !== 'object' || part === null) return []
  if (!('content' in part) || typeof part.content !== 'object' || part.content === null) return [part]
  return Object.values(part.content as Readonly<Record<string, { readonly schema: object }>>).map(
    ({ schema }) => schema,
  )
}
