import { parseArgs } from 'node:util'
import { Etcd3 } from 'etcd3'
import { measureCalls, measureHttp, type Measurement } from './measure.ts'
import { startBenchServer } from './processes.ts'

/**
 * Assigns one address a call from 1, 64 and 256 callers, beside (a) raw puts of 100 bytes into the same etcd from as many callers
 * and (b) a server that commits every operation by itself; all in one run, because only the ratios mean something.
 */

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    callers: { type: 'string', default: '1,64,256' },
    /** Over how many nodes the callers are spread; 0: no node. */
    nodes: { type: 'string', default: '4' },
  },
})
const seconds = Number(options.seconds)
const nodes = Number(options.nodes)

const batched = await startBenchServer()
const unbatched = await startBenchServer({ ETCD_ENDPOINTS: batched.etcd, IPPOOLD_BATCH_OPERATIONS_MAX: '1' })
const etcd = new Etcd3({ hosts: batched.etcd })
const value = Buffer.alloc(100, 'x')

try {
  const pool = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: 'bench' },
    spec: { cidr: '10.0.0.0/8' },
  }
  const created = await fetch(`${batched.url}/apis/projectcalico.org/v3/ippools`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(pool),
  })
  if (!created.ok) throw new Error(await created.text())

  const body = (caller: number): object => ({
    ...(nodes === 0 ? {} : { node: `node-${String(caller % nodes)}`, maxBlocksPerNode: 1_000_000 }),
    attributes: { namespace: 'default', pod: `web-${String(caller)}`, timestamp: '2026-11-23 04:00:01.5 +0000 UTC' },
  })
  const assign = (url: string, callers: number): Promise<Measurement> =>
    measureHttp(`${url}/ipam/v1/assign`, callers, seconds, body)

  // Neither side pays for a cold start.
  await assign(batched.url, 64)
  await assign(unbatched.url, 8)

  process.stdout.write(`${String(seconds)} s each, ${nodes === 0 ? 'no node' : `${String(nodes)} nodes`}\n`)
  row(['callers', 'assign/s', 'p50 ms', 'p99 ms', 'put/s', 'put p50', 'single/s', 'x puts', 'x single', 'p50/put'])
  for (const callers of options.callers.split(',').map(Number)) {
    const puts = await measureCalls(callers, seconds, (caller) =>
      etcd
        .put(`/bench/${String(caller)}`)
        .value(value)
        .exec(),
    )
    const single = await assign(unbatched.url, callers)
    const grouped = await assign(batched.url, callers)
    row([
      String(callers),
      grouped.perSecond.toFixed(0),
      grouped.p50Ms.toFixed(2),
      grouped.p99Ms.toFixed(2),
      puts.perSecond.toFixed(0),
      puts.p50Ms.toFixed(2),
      single.perSecond.toFixed(0),
      (grouped.perSecond / puts.perSecond).toFixed(2),
      (grouped.perSecond / single.perSecond).toFixed(1),
      (grouped.p50Ms / puts.p50Ms).toFixed(2),
    ])
  }
} finally {
  etcd.close()
  await unbatched.stop()
  await batched.stop()
}

function row(cells: readonly string[]): void {
  process.stdout.write(`${cells.map((cell) => cell.padStart(9)).join(' ')}\n`)
}
