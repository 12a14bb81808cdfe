import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureRequests } from './measure.ts'
import { type BenchServer, createPool, processorMs, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'

/**
 * What traces cost an assign of one address from 64 callers: switched off, recorded for one call in a hundred, and for all, with spans sent
 * to a local endpoint. `--before REVISION` adds a server of that revision, to see what the code costs that could trace. All are measured in
 * turns; a ratio is the median of those of the rounds, because a machine changes its speed in between.
 */

const { values: options } = parseArgs({
  options: {
    before: { type: 'string' },
    count: { type: 'string', default: '8000' },
    rounds: { type: 'string', default: '9' },
  },
})
const callers = 64
const count = Number(options.count)

/** What some assigns took. */
interface Cost {
  readonly perSecond: number
  readonly p50Ms: number
  /** Processor time of the server for one assign. */
  readonly processorUs: number
}

const collector = createServer((request, response) => {
  request.resume().on('end', () => response.end())
}).listen(0, '127.0.0.1')
await once(collector, 'listening')
const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
const etcd = await startBenchEtcd()
const folder = options.before === undefined ? undefined : await checkOut(options.before)
const servers = new Map<string, BenchServer>()
try {
  const common = {
    ETCD_ENDPOINTS: etcd.endpoint,
    IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0',
    IPPOOLD_CHECK_INTERVAL_SECONDS: '0',
  }
  const traced = { ...common, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }
  const few = { ...traced, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' }
  if (folder !== undefined) servers.set(`before, ${String(options.before)}`, await startBenchServer(common, folder))
  servers.set('off', await startBenchServer(common))
  servers.set('one in a hundred', await startBenchServer(few))
  servers.set('all', await startBenchServer(traced))
  await compare()
} finally {
  for (const server of servers.values()) await server.stop()
  await etcd.stop()
  collector.close()
  if (folder !== undefined) await rm(folder, { recursive: true })
}

async function compare(): Promise<void> {
  const [first = ''] = servers.keys()
  await createPool(servers.get(first)?.url ?? '', 'bench', '10.0.0.0/8')
  const costs = new Map([...servers.keys()].map((name): [string, Cost[]] => [name, []]))
  for (const server of servers.values()) await measure(server)
  for (let round = 0; round < Number(options.rounds); round++) {
    // In another order each time: whoever comes first might have an advantage.
    const turns = [...servers].map((_, index, all) => all[(index + round) % all.length])
    for (const turn of turns) if (turn !== undefined) costs.get(turn[0])?.push(await measure(turn[1]))
  }
  const baseline = costs.get(first) ?? []
  const rows: Row[] = [...costs].map(([traces, measured]) => {
    const ratios = measured.map(({ processorUs }, round) => processorUs / (baseline[round]?.processorUs ?? NaN))
    return {
      traces,
      'assign/s': middle(measured.map(({ perSecond }) => perSecond)),
      'p50 ms': middle(measured.map(({ p50Ms }) => p50Ms)),
      'µs of CPU': middle(measured.map(({ processorUs }) => processorUs)),
      'x CPU': middle(ratios),
      'lowest x': Math.min(...ratios),
      'highest x': Math.max(...ratios),
    }
  })
  printTable(rows)
  await saveResults('traces', rows)
}

async function measure({ url, pid }: BenchServer): Promise<Cost> {
  const before = await processorMs(pid)
  const { perSecond, p50Ms } = await measureRequests(url, callers, count, () => ({
    method: 'POST',
    path: '/ipam/v1/assign',
    body: {},
  }))
  return { perSecond, p50Ms, processorUs: (((await processorMs(pid)) - before) * 1_000) / count }
}

/** Puts the files of a revision into a folder of their own, with the packages of this clone. */
async function checkOut(revision: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ippoold-before-'))
  const files = execFileSync('git', ['archive', revision, 'bin', 'src', 'package.json', 'openapi'], {
    maxBuffer: 2 ** 28,
  })
  execFileSync('tar', ['-x', '-C', folder], { input: files })
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  return folder
}

function middle(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN
}
