import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { assigning } from './load.ts'
import { measureHttp, type Measurement } from './measure.ts'
import { processorMs, startBenchEtcd, startBenchServer } from './processes.ts'
import { seedPools } from './pools.ts'
import { printTable, saveResults, type Row } from './results.ts'
import { seed } from './seed.ts'

/**
 * Scrapes of a server with 10,000 pools and 1,000,000 addresses held on 500 nodes: how long one takes, and the processor time of the server
 * for it; and what scrapes each second cost calls that assign addresses, beside the same calls without.
 */

const held = 1_000_000
const scrapes = 40
const seconds = 8
const rounds = 3

const etcd = await startBenchEtcd()
try {
  await seedPools(etcd.endpoint)
  await seed(etcd.endpoint, held)
  const withNodes = await measure({})
  const withoutNodes = await measure({ IPPOOLD_METRICS_NODES: 'false' })
  const rows = [
    { series: 'of pools and nodes', ...withNodes },
    { series: 'of pools only', ...withoutNodes },
  ]
  printTable(rows)
  await saveResults('metrics', rows)
} finally {
  await etcd.stop()
}

/** Measures a server with these settings. */
async function measure(settings: Readonly<Record<string, string>>): Promise<Row> {
  const server = await startBenchServer({
    ETCD_ENDPOINTS: etcd.endpoint,
    IPPOOLD_CHECK_INTERVAL_SECONDS: '0',
    ...settings,
  })
  try {
    const first = await costOf(server, 1, false)
    // The server goes on with what a start brings, and the code of a scrape becomes warm.
    await sleep(5_000)
    await costOf(server, 10, false)
    const plain = await costOf(server, scrapes, false)
    const zipped = await costOf(server, scrapes, true)
    const load = (): Promise<Measurement> => measureHttp(`${server.url}/ipam/v1/assign`, 64, seconds, assigning(64, 4))
    await load()
    const alone: number[] = []
    const scraped: number[] = []
    for (let round = 0; round < rounds; round++) {
      alone.push((await load()).perSecond)
      const stop = new AbortController()
      const scraping = scrapeEachSecond(server.url, stop.signal)
      scraped.push((await load()).perSecond)
      stop.abort()
      await scraping
    }
    return {
      MB: plain.bytes / 1e6,
      'first scrape ms': first.ms,
      'scrape ms': plain.ms,
      'cpu ms': plain.cpuMs,
      'gzip ms': zipped.ms,
      'gzip cpu ms': zipped.cpuMs,
      'assign/s': middle(alone),
      'scraped each second': middle(scraped),
      'x alone': middle(scraped) / middle(alone),
    }
  } finally {
    await server.stop()
  }
}

/** The time and the server's processor time of one scrape, over `count` scrapes. */
async function costOf(
  { url, pid }: { readonly url: string; readonly pid: number },
  count: number,
  isZipped: boolean,
): Promise<{ readonly ms: number; readonly cpuMs: number; readonly bytes: number }> {
  let bytes = 0
  const [cpu, begin] = [await processorMs(pid), performance.now()]
  for (let number = 0; number < count; number++) bytes = await scrape(url, isZipped)
  return { ms: (performance.now() - begin) / count, cpuMs: ((await processorMs(pid)) - cpu) / count, bytes }
}

/** Returns the length of the metrics. */
async function scrape(url: string, isZipped: boolean): Promise<number> {
  const { statusCode, body } = await request(`${url}/metrics`, {
    headers: isZipped ? { 'accept-encoding': 'gzip' } : {},
  })
  const bytes = Buffer.from(await body.arrayBuffer())
  if (statusCode !== 200) throw new Error(`The scrape was answered ${statusCode}.`)
  return isZipped ? gunzipSync(bytes).length : bytes.length
}

async function scrapeEachSecond(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const begin = performance.now()
    await scrape(url, true)
    await sleep(Math.max(0, 1_000 - (performance.now() - begin)))
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN
}
