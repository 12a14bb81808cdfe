import fastify from 'fastify'
import t, { type Test } from 'tap'
import { unlimited } from '../../../src/access/index.ts'
import type { Page, PageOptions } from '../../../src/datastore/index.ts'
import { ObjectAccess } from '../../../src/http/resources/object-access.ts'
import { chooseRepresentations } from '../../../src/http/resources/representation.ts'
import { Watches, type WatchOptions } from '../../../src/http/resources/watch.ts'
import { handleErrors } from '../../../src/http/server/error-handling.ts'
import { CidrSet } from '../../../src/net/index.ts'
import { BlockIndex } from '../../../src/model/index.ts'
import type { Decodable } from '../../../src/plan/index.ts'
import { ippoolKind } from '../../../src/resources/index.ts'
import { RawConnection, rawRequest } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { FakeStore } from '../fake-store.ts'

/** A store whose reads wait until they are let through. */
class SlowStore extends FakeStore {
  readonly waiting: (() => void)[] = []

  override async page<Value>(family: Decodable<Value>, options?: PageOptions): Promise<Page<Value>> {
    await new Promise<void>((resolve) => this.waiting.push(resolve))
    return super.page(family, options)
  }
}

/** A server of watches alone, which takes two at once. */
async function startWatches(t: Test) {
  const store = new SlowStore()
  const kind = ippoolKind(new BlockIndex())
  let open = 0
  const endless = new Set<() => void>()
  const options: WatchOptions = {
    store,
    onStopping: (end) => {
      endless.add(end)
      return () => endless.delete(end)
    },
    shares: {
      isFull: () => open >= 2,
      enter: () => {
        open++
        return () => {
          open--
        }
      },
    },
    bookmarkIntervalMs: 60_000,
  }
  const watches = new Watches(options, kind)
  const app = fastify()
  chooseRepresentations(app, kind, {
    now: () => ({ nanoseconds: 0n }),
    terms: () => ({ reserved: CidrSet.of([]), cooledBefore: 0n }),
  })
  handleErrors(app)
  const served: Promise<unknown>[] = []
  app.get('/', (request, reply) => {
    const answer = watches.serve(request, reply, { resourceVersion: '1' }, new ObjectAccess(kind, unlimited, store))
    served.push(answer)
    return answer
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const waiting = (reads: number) => until(`${String(reads)} reads`, () => store.waiting.length === reads || undefined)
  return { app, url, store, open: () => open, endless, served, waiting }
}

t.test('a client that hangs up before its watch has begun leaves nothing behind', async (t) => {
  const { app, url, store, open, endless, served, waiting } = await startWatches(t)
  const connection = await RawConnection.open(url)
  await connection.write(rawRequest('GET', '/'))
  await waiting(1)
  connection.cut()
  await until('the server to notice', async () => {
    const connections = await new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)))
    return connections === 0 || undefined
  })
  for (const goOn of store.waiting) goOn()
  await Promise.all(served)
  t.strictSame({ open: open(), endless: endless.size }, { open: 0, endless: 0 })
})

t.test('watches that begin at the same moment are no more than may be open', async (t) => {
  const { url, store, open, served } = await startWatches(t)
  const asked = Array.from({ length: 5 }, () => fetch(url))
  // A watch that ends makes room for another one, so none may end before all have asked.
  await until('all to have asked', () => served.length === 5 || undefined)
  for (const goOn of store.waiting) goOn()
  const answers = await Promise.all(asked)
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 200, 503, 503, 503])
  for (const answer of answers) await answer.body?.cancel()
  await until('all to be closed', () => open() === 0 || undefined)
})
