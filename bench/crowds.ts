import { parseArgs } from 'node:util'
import { Etcd3, type IRequestOp } from 'etcd3'
import type { Family } from '../src/plan/index.ts'
import { nodes, pools, reservations } from '../src/model/index.ts'
import { assigning } from './load.ts'
import { measureHttp, measureRequests, type Measurement } from './measure.ts'
import { createPool, processorMs, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'

/**
 * Assigning from one pool while there are many others, many reservations or many nodes; beside one of each, before and after. And
 * creating pools, each in a revision of its own.
 */

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    created: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '4' },
  },
})
const count = Number(options.count)
const seconds = Number(options.seconds)
const callers = 64
const creators = 16
const valuesPerTransaction = 100

/** What an installation has many of, beside the pool that serves. */
const crowds: Readonly<
  Record<string, { readonly family: Family<unknown>; readonly spec: (number: number) => object }>
> = {
  pools: {
    family: pools,
    spec: (number) => ({
      cidr: `fd00:${number.toString(16)}::/64`,
      blockSize: 122,
      nodeSelector: `zone == '${number}'`,
    }),
  },
  reservations: {
    family: reservations,
    spec: (number) => ({ reservedCIDRs: [`172.16.${number >> 8}.${number & 255}`] }),
  },
  nodes: { family: nodes, spec: () => ({}) },
}

const rows: Row[] = []
const alone = [await measure(undefined)]
const crowded = []
for (const kind of Object.keys(crowds)) crowded.push({ kind, figures: await measure(kind) })
alone.push(await measure(undefined))
const mean = (of: (figures: Figures) => number): number => alone.reduce((sum, one) => sum + of(one), 0) / alone.length
const perSecond = mean(({ many }) => many.perSecond)
for (const { kind, figures } of [...alone.map((one) => ({ kind: 'none', figures: one })), ...crowded]) {
  const { many, one, cpuUs } = figures
  rows.push({
    beside: kind === 'none' ? 'nothing' : `${count} ${kind}`,
    'assign/s': many.perSecond,
    'x alone': many.perSecond / perSecond,
    'p50 ms': many.p50Ms,
    'one caller, p50 ms': one.p50Ms,
    'server CPU, µs': cpuUs,
    'x alone ': cpuUs / mean((each) => each.cpuUs),
  })
}
printTable(rows)
const creating = await measureCreating()
printTable([creating])
await saveResults('crowds', [...rows, creating])

interface Figures {
  readonly many: Measurement
  readonly one: Measurement
  /** The server's processor time for an assign of many callers, in microseconds. */
  readonly cpuUs: number
}

async function measure(kind: string | undefined): Promise<Figures> {
  const store = await startBenchEtcd()
  try {
    if (kind !== undefined) await seed(store.endpoint, kind)
    const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
    // Its name comes last, so that every other pool is looked at before it.
    await createPool(server.url, 'zzz', '10.0.0.0/8')
    const assign = (many: number, time: number): Promise<Measurement> =>
      measureHttp(`${server.url}/ipam/v1/assign`, many, time, assigning(many, 0))
    await assign(callers, 2)
    const before = await processorMs(server.pid)
    const many = await assign(callers, seconds)
    const cpuUs = (((await processorMs(server.pid)) - before) * 1_000) / (many.perSecond * seconds)
    const one = await assign(1, seconds)
    await server.stop()
    return { many, one, cpuUs }
  } finally {
    await store.stop()
  }
}

/** Writes resources as Calico does, straight into etcd. */
async function seed(endpoint: string, kind: string): Promise<void> {
  const crowd = crowds[kind]
  if (crowd === undefined) throw new Error(kind)
  const etcd = new Etcd3({ hosts: endpoint })
  const names: Readonly<Record<string, string>> = { pools: 'IPPool', reservations: 'IPReservation', nodes: 'Node' }
  for (let first = 0; first < count; first += valuesPerTransaction) {
    const success = Array.from({ length: Math.min(valuesPerTransaction, count - first) }, (_, place): IRequestOp => {
      const name = `one-of-many-${first + place}`
      const object = {
        kind: names[kind],
        apiVersion: 'projectcalico.org/v3',
        metadata: { name },
        spec: crowd.spec(first + place),
        // Otherwise the server would give each pool its condition meanwhile.
        status: { conditions: [{ type: 'Allocatable', status: 'True', reason: 'OK' }] },
      }
      return {
        request_put: { key: Buffer.from(`${crowd.family.prefix}${name}`), value: Buffer.from(JSON.stringify(object)) },
      }
    })
    await etcd.kv.txn({ success })
  }
  etcd.close()
}

async function measureCreating(): Promise<Row> {
  const store = await startBenchEtcd()
  try {
    const server = await startBenchServer({ ETCD_ENDPOINTS: store.endpoint })
    const path = '/apis/projectcalico.org/v3/ippools'
    const create = (run: number) => (number: number) => ({
      method: 'POST' as const,
      path,
      body: {
        apiVersion: 'projectcalico.org/v3',
        kind: 'IPPool',
        metadata: { name: `pool-${run}-${number}` },
        spec: { cidr: `fd0${run}:${number.toString(16)}::/64` },
      },
    })
    await measureRequests(server.url, creators, 100, create(0))
    const before = await processorMs(server.pid)
    const { perSecond, p50Ms } = await measureRequests(server.url, creators, Number(options.created), create(1))
    const cpuMs = ((await processorMs(server.pid)) - before) / Number(options.created)
    await server.stop()
    return {
      created: Number(options.created),
      'pools/s': perSecond,
      'p50 ms': p50Ms,
      'server CPU, ms': cpuMs,
      aim: 1_000,
    }
  } finally {
    await store.stop()
  }
}
