import { AsyncLocalStorage } from 'node:async_hooks'
import { ROOT_CONTEXT, SpanStatusCode } from '@opentelemetry/api'
import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import t, { type Test } from 'tap'
import { OperationSpans } from '../../src/traces/operation-spans.ts'
import { RequestSpan, type SpanSource } from '../../src/traces/request-span.ts'
import { WallClock } from '../../src/traces/wall-clock.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore } from '../datastore/rig.ts'
import { startEtcd } from '../support/etcd.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'

const etcd = await startEtcd(t)
const keys = openEtcd(t, etcd.endpoint)

/** A store behind a proxy, whose operations make spans. */
async function start(t: Test, name: string, { isRecorded = true, batchesInFlight = 1 } = {}) {
  const proxy = await startProxy(t, etcd.endpoint)
  const family = numbersBelow(`/${name}/`, 'values')
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    ...(!isRecorded && { sampler: new AlwaysOffSampler() }),
  })
  const clock = new WallClock()
  const source: SpanSource = { tracer: provider.getTracer('test'), clock, current: new AsyncLocalStorage() }
  const operations = new OperationSpans(clock)
  const { datastore } = await openStore(t, {
    endpoints: [proxy.endpoint],
    families: [family],
    batchesInFlight,
    probe: operations.probe,
  })
  await until('the watch', () => datastore.health().ready || undefined)
  const key = keyOf(family, 'a')
  const headers = {}
  const request = () =>
    new RequestSpan(
      { id: 'id', method: 'POST', route: '/', scheme: 'http', httpVersion: '1.1', headers, waitedMs: 0 },
      ROOT_CONTEXT,
      source,
    )
  /** Adds one for a request, and returns the spans of its parts, in their order. */
  const add = (of = request()) => operations.submit(of, () => datastore.submit(increment(key)))
  const spans = (): readonly ReadableSpan[] => exporter.getFinishedSpans()
  return { proxy, datastore, key, request, add, spans, exporter, operations }
}

/** The name of a span, and what became of it, or what it waited for. */
function brief({ name, attributes }: ReadableSpan): string {
  return `${name} ${String(attributes['ippoold.outcome'] ?? attributes['ippoold.awaited'])}`
}

t.test('an operation waits, is planned and committed', async (t) => {
  const { add, spans, request } = await start(t, 'simple')
  const of = request()
  await add(of)
  t.strictSame(spans().map(brief), ['queue turn', 'plan added', 'transaction committed', 'commit committed'])
  const [queue, plan, transaction, commit] = spans()
  t.equal(transaction?.parentSpanContext?.spanId, commit?.spanContext().spanId)
  for (const span of [queue, plan, commit]) t.equal(span?.parentSpanContext?.spanId, of.ids.spanId)
  t.ok((queue?.endTime[1] ?? 0) === (plan?.startTime[1] ?? 1), 'the wait ends when the plan is run')
})

t.test('calls that share a transaction are linked with it', async (t) => {
  const { add, spans, exporter } = await start(t, 'shared')
  await add()
  exporter.reset()
  await Promise.all([add(), add(), add()])
  const commits = spans().filter(({ name }) => name === 'commit')
  const [transaction, ...others] = spans().filter(({ name }) => name === 'transaction')
  t.strictSame(others, [])
  t.equal(new Set(commits.map((span) => span.spanContext().traceId)).size, 3)
  t.strictSame(
    transaction?.links.map(({ context }) => context.spanId),
    commits.map((span) => span.spanContext().spanId),
  )
  for (const { links } of commits) t.equal(links[0]?.context.spanId, transaction?.spanContext().spanId)
  t.match(transaction?.attributes, { 'ippoold.operations': 3, 'ippoold.writes': 1 })
})

t.test('a lost race shows, and what came after it', async (t) => {
  const { proxy, add, key, spans, exporter } = await start(t, 'raced')
  await add()
  exporter.reset()
  proxy.hold('pushes')
  await keys.put(key.text).value('10')
  t.equal((await add()).answer, 11)
  t.strictSame(spans().map(brief), [
    'queue turn',
    'plan added',
    'transaction race_lost',
    'commit race_lost',
    'queue retry',
    'plan added',
    'transaction committed',
    'commit committed',
  ])
})

t.test('a lost answer shows, and what became of the commit', async (t) => {
  const { proxy, add, key, spans, exporter } = await start(t, 'lost')
  await add()
  exporter.reset()
  proxy.hold('answers')
  const applied = add()
  await until('it to be applied', async () => (await keys.get(key.text).number()) === 2 || undefined)
  proxy.cut()
  await applied
  const commit = spans().find(({ name }) => name === 'commit')
  t.match(commit?.attributes, { 'ippoold.outcome': 'applied', 'ippoold.answer_lost': true })
  t.equal(commit?.status.code, SpanStatusCode.UNSET)

  exporter.reset()
  proxy.hold('requests')
  const fenced = add()
  await until('it to be on its way', () => proxy.holds('requests', key.text) || undefined)
  proxy.cutClients()
  t.equal((await fenced).answer, 3)
  const commits = spans().filter(({ name }) => name === 'commit')
  t.strictSame(commits.map(brief), ['commit fenced', 'commit committed'])
})

t.test('an operation that waits for the commit of another says so', async (t) => {
  const { proxy, add, key, spans, exporter, request } = await start(t, 'busy', { batchesInFlight: 2 })
  await add()
  exporter.reset()
  proxy.hold('answers')
  const first = add()
  await until('it to be applied', async () => (await keys.get(key.text).number()) === 2 || undefined)
  const second = request()
  const added = add(second)
  await until('its plan to be run', () => spans().filter(({ name }) => name === 'plan').length === 2 || undefined)
  proxy.release()
  await Promise.all([first, added])
  const ofSecond = spans().filter((span) => span.spanContext().traceId === second.ids.traceId)
  t.strictSame(ofSecond.map(brief), [
    'queue turn',
    'plan busy',
    'queue commit',
    'plan added',
    'transaction committed',
    'commit committed',
  ])
})

t.test('what belongs to no recorded request makes no spans', async (t) => {
  const { datastore, key, spans, operations } = await start(t, 'nobody')
  await datastore.submit(increment(key))
  await operations.submit(undefined, () => datastore.submit(increment(key)))
  t.strictSame(spans(), [])
  const unrecorded = await start(t, 'unrecorded', { isRecorded: false })
  await unrecorded.add()
  t.strictSame(unrecorded.spans(), [])
})
