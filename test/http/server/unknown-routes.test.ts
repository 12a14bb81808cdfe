import fastify from 'fastify'
import t from 'tap'
import { recordMethods } from '../../../src/http/server/unknown-routes.ts'

t.test('the methods of a path are those of all routes that would match it', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  app.get('/before', () => 'not recorded')
  const methodsOf = recordMethods(app)
  const handler = (): string => ''
  app.get('/things', handler)
  app.post('/things', handler)
  app.put('/things/:name', handler)
  app.delete('/things/special', handler)
  app.get('/files/*', handler)
  app.get('/dot.json', handler)
  await app.ready()

  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['/things', ['GET', 'HEAD', 'POST']],
    ['/things?a=/b', ['GET', 'HEAD', 'POST']],
    ['/things/', []],
    ['/things/a%2Fb', ['PUT']],
    ['/things/special', ['DELETE', 'PUT']],
    ['/things/a/b', []],
    ['/files/a/b', ['GET', 'HEAD']],
    ['/dot.json', ['GET', 'HEAD']],
    ['/dotxjson', []],
    ['/before', []],
    ['', []],
  ]
  for (const [url, want] of cases) t.strictSame(methodsOf(url), want, url)
})
