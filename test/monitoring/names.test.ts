import t from 'tap'
import { request } from 'undici'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { describedMetrics, readMonitoringFile, readRules } from '../support/monitoring-files.ts'
import { until } from '../support/until.ts'

/** What documents, rules and the dashboard say about metrics is what a real server tells. */

t.setTimeout(120_000)

interface Family {
  readonly type: string
  /** The names of the labels of its samples, without those of histograms; undefined if it has no sample. */
  labels: readonly string[] | undefined
}

/** The metrics of a server that has done a little of everything, by name. */
async function scrape(): Promise<ReadonlyMap<string, Family>> {
  const env = { IPPOOLD_CHECK_INTERVAL_SECONDS: '1', IPPOOLD_UPKEEP_INTERVAL_SECONDS: '1' }
  const { servers, call } = await startIppoold(t, { env })
  await createPool(call, 'blue', { cidr: '10.1.0.0/30', blockSize: 30 })
  for (let count = 0; count < 5; count++) await call('POST', '/ipam/v1/assign', { node: 'n1', handle: 'vm' })
  const { body } = await request(`${servers[0]?.url}/apis/projectcalico.org/v3/ippools?watch=true`)
  body.on('error', () => undefined)
  const text = await until('everything', async () => {
    const answer = await request(`${servers[0]?.url}/metrics`)
    const read = await answer.body.text()
    const isThere = /^ippoold_check_findings\{/m.test(read) && /^ippoold_journal_keys\{/m.test(read)
    return isThere && /^ippoold_etcd_quota_bytes\{/m.test(read) ? read : undefined
  })
  body.destroy()
  const families = new Map<string, Family>()
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    families.set(name, { type, labels: undefined })
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
    const names = [...labels.matchAll(/(?:^|,)(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label = '']) => label)
    if (family !== undefined) family.labels ??= names.filter((label) => label !== 'le').toSorted()
  }
  return families
}

const families = await scrape()
const described = describedMetrics()

t.test('docs/metrics.md describes every metric that there is, with its type and labels, and no other', (t) => {
  const own = [...families].filter(([name]) => /^(ippoold|ipam)_/.test(name))
  t.strictSame([...described.keys()].toSorted(), own.map(([name]) => name).toSorted())
  for (const [name, { type, labels }] of own) {
    t.equal(described.get(name)?.type, type, name)
    if (labels !== undefined) t.strictSame(described.get(name)?.labels, labels, name)
  }
  const withSamples = own.filter(([, { labels }]) => labels !== undefined)
  t.ok(withSamples.length > own.length * 0.8, 'most have a sample to be compared with')
  t.end()
})

/** What is wrong with the metrics and labels that a query names. */
function problemsOf(query: string, recorded: ReadonlySet<string>): readonly string[] {
  const selectors = [...query.matchAll(/(?<![\w:"/])([a-z]\w*(?::[\w:]+)?)(?:\{([^}]*)\})?(?![\w(:])/g)]
  return selectors.flatMap(([, name = '', matchers = '']) => {
    const isMetric = /^(ippoold|ipam|process|nodejs)_|^up$|:/.test(name)
    if (!isMetric || name === 'up' || recorded.has(name)) return []
    const base = families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
    const family = families.get(base)
    if (family === undefined) return [`there is no ${name} in ${query}`]
    const labels = [...(described.get(base)?.labels ?? family.labels ?? []), 'job', 'instance']
    const asked = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label)
    return asked.filter((label) => !labels.includes(label)).map((label) => `${name} has no label ${label} in ${query}`)
  })
}

t.test('the rules ask for metrics and labels that there are', (t) => {
  const rules = readRules()
  const recorded = new Set(rules.flatMap(({ record }) => record ?? []))
  t.strictSame(
    rules.flatMap(({ expr }) => problemsOf(expr, recorded)),
    [],
  )
  t.strictSame(problemsOf('ippoold_nothing{a="b"}', recorded), [
    'there is no ippoold_nothing in ippoold_nothing{a="b"}',
  ])
  t.strictSame(problemsOf('rate(ipam_blocks{pod="b"}[5m])', recorded), [
    'ipam_blocks has no label pod in rate(ipam_blocks{pod="b"}[5m])',
  ])
  t.end()
})

t.test('so does the dashboard, and it shows every metric', (t) => {
  const recorded = new Set(readRules().flatMap(({ record }) => record ?? []))
  const queries = [...readMonitoringFile('dashboard.json').matchAll(/"(?:expr|query)": ("(?:[^"\\]|\\.)*")/g)].map(
    ([, text = '']) => String(JSON.parse(text)),
  )
  t.ok(queries.length > 80)
  t.strictSame(
    queries.flatMap((query) => problemsOf(query, recorded)),
    [],
  )
  const all = [...queries, ...readRules().map(({ expr }) => expr)].join('\n')
  const calicos = ['ipam_ippool_reserved', 'ipam_allocations_in_use']
  const summed = ['ipam_allocations_borrowed_per_node', 'ipam_blocks_per_node']
  t.strictSame(
    [...described.keys()].filter((name) => !all.includes(name)).toSorted(),
    [...calicos, ...summed].toSorted(),
    'all but those that ippoold has under another name, and sums of shown ones',
  )
  t.end()
})
