import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Measurement, measureRequests } from './measure.ts'
import { startBenchEtcd } from './processes.ts'

/**
 * Assigns one address a call from 64 callers whom a policy allows one of twenty pools, without a quota and with one that is never reached,
 * beside a caller who may do everything; in turns on one server, because only the ratios mean something.
 */

const callers = 64
const count = 4_000
const rounds = 3
const rule = { verbs: ['assign'], resources: ['addresses'], poolSelector: "team == 'blue'" }
const rules = {
  blue: [
    { ...rule, handles: ['blue.*'] },
    { verbs: ['get', 'list'], resources: ['*'], poolSelector: "team == 'blue'" },
    rule,
  ],
  quota: [{ ...rule, maxAddresses: 1_000_000_000 }],
}

const etcd = await startBenchEtcd()
const program = fileURLToPath(new URL('../test/support/limited-server.ts', import.meta.url))
const server = spawn(process.execPath, ['--max-semi-space-size=32', program, etcd.endpoint, JSON.stringify(rules)], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await new Promise<string>((resolve) => {
    server.stdout.on('data', (chunk: Buffer) => {
      const [, printed] = /serves (\S+)/.exec(chunk.toString()) ?? []
      if (printed !== undefined) resolve(printed)
    })
  })
  for (let index = 0; index < 20; index++) await createPool(url, index)
  const users = ['root', 'blue-1', 'quota-1'] as const
  const all = new Map<string, Measurement[]>(users.map((user) => [user, []]))
  await measure(url, 'root')
  for (let round = 0; round < rounds; round++) {
    for (const user of users) all.get(user)?.push(await measure(url, user))
  }
  for (const [user, measured] of all) {
    const perSecond = measured.map((one) => Math.round(one.perSecond))
    process.stdout.write(
      `${user.padEnd(8)} ${perSecond.join(' ')} a second, ${(median(measured) / median(all.get('root') ?? [])).toFixed(2)} of everything allowed\n`,
    )
  }
} finally {
  server.kill('SIGTERM')
  await etcd.stop()
}

function measure(url: string, user: string): Promise<Measurement> {
  const headers = { authorization: `Bearer ${user}` }
  return measureRequests(url, callers, count, () => ({ method: 'POST', path: '/ipam/v1/assign', headers, body: {} }))
}

function median(measured: readonly Measurement[]): number {
  return (
    measured.map(({ perSecond }) => perSecond).toSorted((one, other) => one - other)[Math.floor(measured.length / 2)] ??
    0
  )
}

async function createPool(url: string, index: number): Promise<void> {
  const labels = index === 0 ? { team: 'blue' } : { team: `team-${index}` }
  const pool = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: `pool-${String(index).padStart(2, '0')}`, labels },
    spec: { cidr: `${10 + index}.0.0.0/8`, blockSize: 26 },
  }
  const response = await fetch(`${url}/apis/projectcalico.org/v3/ippools`, {
    method: 'POST',
    headers: { authorization: 'Bearer root', 'content-type': 'application/json' },
    body: JSON.stringify(pool),
  })
  if (!response.ok) throw new Error(await response.text())
}
