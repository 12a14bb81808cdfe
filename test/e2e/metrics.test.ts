import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { temporaryFolder } from '../support/etcd.ts'
import { createPool, poolsPath, startIppoold } from '../support/ippoold.ts'
import { readMetrics, type Samples } from '../support/metrics.ts'
import { findPromtool } from '../support/prometheus.ts'
import { until } from '../support/until.ts'

/** How much the samples have grown. */
function growth(before: Samples, after: Samples, names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)]))
}

t.test('metrics tell exactly what was done', async (t) => {
  const { servers, call } = await startIppoold(t)
  const url = servers[0]?.url ?? ''
  await createPool(call, 'blue', { cidr: '10.1.0.0/24', blockSize: 26 })
  await createPool(call, 'green', { cidr: 'fd00::/120', blockSize: 122 })
  const before = await readMetrics(url)
  t.equal(before.get('ipam_ippool_size{ippool="blue"}'), 256)
  t.equal(before.get('ippoold_pool_addresses{ippool="blue",state="available"}'), 256)
  t.notOk(
    [...before.keys()].some((name) => name.startsWith('ipam_blocks{')),
    'there are no blocks',
  )

  for (const node of ['n1', 'n1', 'n2']) {
    const { status } = await call('POST', '/ipam/v1/assign', { ipv4: 2, node, handle: `${node}.pod` })
    t.equal(status, 201)
  }
  const first = { node: 'n3', handle: 'n3.pod', ipv4: 1, pools: ['blue'] }
  t.equal((await call('POST', '/ipam/v1/assign', { ...first, addresses: undefined })).status, 201)
  // An address of a block of n1, held on n3: borrowed.
  const borrowed = { node: 'n3', handle: 'n3.pod', addresses: ['10.1.0.63'] }
  t.equal((await call('POST', '/ipam/v1/assign', borrowed)).status, 201)
  t.equal((await call('POST', '/ipam/v1/assign', borrowed)).status, 409)
  t.equal((await call('POST', '/ipam/v1/assign', { ipv4: 300 })).status, 409)
  t.equal((await call('POST', '/ipam/v1/assign?dryRun=All', { ipv4: 1 })).status, 201)
  t.equal((await call('PUT', '/ipam/v1/handles/n2.pod', { ipv4: 3, node: 'n2' })).status, 201)
  t.equal((await call('POST', '/ipam/v1/assign', { ipv6: 1, node: 'n1', handle: 'six' })).status, 201)
  const keyed = { 'idempotency-key': 'once' }
  for (let times = 0; times < 2; times++) {
    const { status } = await call('POST', '/ipam/v1/assign', { node: 'n1', handle: 'k' }, undefined, keyed)
    t.equal(status, 201)
  }
  t.equal((await call('DELETE', '/ipam/v1/handles/k')).status, 200)
  t.equal((await call('POST', '/ipam/v1/release', { addresses: [{ address: '10.1.0.63' }] })).status, 200)
  t.equal((await call('POST', '/ipam/v1/assign', borrowed)).status, 201)
  t.equal((await call('GET', '/nowhere')).status, 404)
  const after = await readMetrics(url)

  const assign = 'method="POST",route="/ipam/v1/assign"'
  t.strictSame(
    growth(before, after, [
      'ippoold_addresses_assigned_total',
      'ippoold_addresses_released_total',
      `ippoold_requests_total{${assign},status="201",reason=""}`,
      `ippoold_requests_total{${assign},status="409",reason="AddressInUse"}`,
      `ippoold_requests_total{${assign},status="409",reason="InsufficientAddresses"}`,
      'ippoold_requests_total{method="GET",route="none",status="404",reason="NotFound"}',
      `ippoold_request_duration_seconds_count{${assign}}`,
    ]),
    {
      ippoold_addresses_assigned_total: 6 + 1 + 1 + 1 + 1 + 1 + 1,
      ippoold_addresses_released_total: 2,
      [`ippoold_requests_total{${assign},status="201",reason=""}`]: 10,
      [`ippoold_requests_total{${assign},status="409",reason="AddressInUse"}`]: 1,
      [`ippoold_requests_total{${assign},status="409",reason="InsufficientAddresses"}`]: 1,
      'ippoold_requests_total{method="GET",route="none",status="404",reason="NotFound"}': 1,
      [`ippoold_request_duration_seconds_count{${assign}}`]: 12,
    },
  )
  const { body: blocks } = await call('GET', '/ipam/v1/blocks')
  const { body: utilization } = await call('GET', '/ipam/v1/utilization')
  for (const [name, value] of calicosFigures(await everyAddress(call), blocks)) t.equal(after.get(name), value, name)
  for (const { pool, inUse, available } of utilization['pools'] as Readonly<Record<string, string>>[]) {
    t.equal(after.get(`ippoold_pool_addresses{ippool="${pool}",state="in_use"}`), Number(inUse))
    t.equal(after.get(`ippoold_pool_addresses{ippool="${pool}",state="available"}`), Number(available))
  }
  t.equal(after.get('ipam_allocations_borrowed{ippool="blue",node="n3"}'), 1)
  for (const check of ['etcd', 'watch', 'changes', 'stopping']) t.equal(after.get(`ippoold_ready{check="${check}"}`), 1)
  t.equal(after.get('ippoold_protection_waived{protection="tls"}'), 0, 'on loopback nothing is waived')
  t.ok((after.get('ippoold_etcd_requests_total{call="transaction",outcome="answered"}') ?? 0) > 10)
  t.ok((after.get('ippoold_transactions_total{outcome="committed"}') ?? 0) > 8)
  t.equal(after.get('ippoold_operations_pending'), 0)
  t.ok((after.get('process_start_time_seconds') ?? 0) > 1e9)
  const texts = [...after.keys()].join('\n')
  t.notMatch(texts, /n[123]\.pod|10\.1\.0\.|fd00:/, 'no label holds a handle or an address')
})

/** What Calico's metrics would say, by what the server answers. */
function calicosFigures(
  addresses: readonly { readonly pool: string; readonly node: string }[],
  blocks: Readonly<Record<string, unknown>>,
): Map<string, number> {
  const figures = new Map<string, number>()
  const add = (name: string): void => {
    figures.set(name, (figures.get(name) ?? 0) + 1)
  }
  for (const { pool, node } of addresses) {
    add(`ipam_allocations_in_use{ippool="${pool}",node="${node}"}`)
    add(`ipam_allocations_per_node{node="${node}"}`)
  }
  for (const { pool, node } of blocks['blocks'] as { pool: string; node: string }[]) {
    add(`ipam_blocks{ippool="${pool}",node="${node}"}`)
    add(`ipam_blocks_per_node{node="${node}"}`)
  }
  return figures
}

async function everyAddress(
  call: (method: 'GET', path: string) => Promise<{ readonly body: Readonly<Record<string, unknown>> }>,
): Promise<readonly { readonly pool: string; readonly node: string }[]> {
  const { body } = await call('GET', '/ipam/v1/addresses?limit=1000')
  return body['addresses'] as readonly { readonly pool: string; readonly node: string }[]
}

t.test('watchers are counted while they watch, and take no part in durations', async (t) => {
  const { servers } = await startIppoold(t)
  const url = servers[0]?.url ?? ''
  const { body } = await request(`${url}${poolsPath}?watch=true`)
  body.on('error', () => undefined)
  await until('a watcher', async () => (await readMetrics(url)).get('ippoold_watchers') === 1 || undefined)
  body.destroy()
  const after = await until('no watcher', async () => {
    const samples = await readMetrics(url)
    return samples.get('ippoold_watchers') === 0 ? samples : undefined
  })
  t.equal(after.get('ippoold_watchers_ended_total{ending="closed"}'), 1)
  t.notOk(after.has(`ippoold_request_duration_seconds_count{method="GET",route="${poolsPath}"}`))
})

t.test('the formats are those of Prometheus and of OpenMetrics', async (t) => {
  const { servers, call } = await startIppoold(t, { env: { IPPOOLD_METRICS_NODES: 'false' } })
  const url = `${servers[0]?.url}/metrics`
  await createPool(call, 'blue', { cidr: '10.1.0.0/24' })
  await call('POST', '/ipam/v1/assign', { node: 'n1' })
  const cases: [accept: string | undefined, type: RegExp][] = [
    [undefined, /^text\/plain; version=0\.0\.4; charset=utf-8$/],
    ['*/*', /^text\/plain/],
    [
      'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      /^application\/openmetrics-text/,
    ],
    ['application/openmetrics-text;q=0.2,text/plain;q=0.5', /^text\/plain/],
  ]
  for (const [accept, type] of cases) {
    const { headers, body } = await request(url, { headers: accept === undefined ? {} : { accept } })
    t.match(headers['content-type'], type, String(accept))
    const text = await body.text()
    const isOpen = String(headers['content-type']).startsWith('application/openmetrics-text')
    t.equal(text.endsWith('\n# EOF\n'), isOpen)
    t.match(
      text,
      isOpen ? '# TYPE ippoold_requests counter\nippoold_requests_total{' : '# TYPE ippoold_requests_total counter\n',
    )
    t.match(text, '\nipam_allocations_in_use{ippool="blue"} 1\n')
    t.match(text, '\nipam_blocks{ippool="blue"} 1\n')
    t.notMatch(text, 'node="n1"', 'the series of nodes are switched off')
    if (!isOpen) await checkByPromtool(t, text)
  }
  t.equal((await request(url, { headers: { accept: 'image/png' } })).statusCode, 406)
})

/** Checks metrics by Prometheus' own tool, where it can be had. */
async function checkByPromtool(t: Test, text: string): Promise<void> {
  const file = join(await temporaryFolder(t), 'metrics')
  await writeFile(file, text)
  const promtool = await findPromtool()
  if ('missing' in promtool) {
    t.comment(promtool.missing)
    return
  }
  const problem = await new Promise<string>((resolve) => {
    execFile('sh', ['-c', `"${promtool.path}" check metrics < ${file}`], (error, stdout, stderr) => {
      resolve(error === null ? '' : `${stdout}${stderr}`)
    })
  })
  // Calico's and Node's own metrics are not named as the tool would like.
  t.strictSame(
    problem.split('\n').filter((line) => /ippoold_|parse/.test(line)),
    [],
  )
}
