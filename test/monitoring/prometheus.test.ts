import t from 'tap'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { readMonitoringFile } from '../support/monitoring-files.ts'
import { findProgram, pathOf, skipWithout, startPrometheus } from '../support/prometheus.ts'
import { until } from '../support/until.ts'

/** A real Prometheus with the rules of `deploy/monitoring`, which scrapes real servers. */

t.setTimeout(240_000)

interface Target {
  readonly health: string
  readonly lastError: string
}

interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: string
}

const prometheus = await findProgram('prometheus', 'prometheus', ['--version'])
const skip = skipWithout(prometheus)

t.test('its targets are up, and an alert fires after a pool is filled', { skip }, async (t) => {
  const { servers, call } = await startIppoold(t, { servers: 2 })
  await createPool(call, 'blue', { cidr: '10.1.0.0/28', blockSize: 28 })
  await createPool(call, 'green', { cidr: '10.2.0.0/28', blockSize: 28 })
  const configuration = `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yaml]
scrape_configs:
  - job_name: ippoold
    static_configs: [{ targets: [${servers.map(({ url }) => new URL(url).host).join(', ')}] }]
`
  // The rules as they are, but for their patience.
  const rules = readMonitoringFile('rules.yaml').replaceAll(/^( +for:) .*$/gm, '$1 2s')
  const { ask } = await startPrometheus(t, pathOf(prometheus), configuration, { 'rules.yaml': rules })
  const targets = await until('the targets to be up', async () => {
    const { activeTargets } = (await ask('/targets?state=active')) as { readonly activeTargets: readonly Target[] }
    const areScraped = activeTargets.length === 2 && activeTargets.every(({ health }) => health !== 'unknown')
    return areScraped ? activeTargets : undefined
  })
  t.match(targets, [
    { health: 'up', lastError: '' },
    { health: 'up', lastError: '' },
  ])
  const firing = async (): Promise<readonly Alert[]> => {
    const { alerts } = (await ask('/alerts')) as { readonly alerts: readonly Alert[] }
    return alerts.filter(({ state }) => state === 'firing')
  }
  const namesOf = (alerts: readonly Alert[]): readonly string[] => alerts.map(({ labels }) => labels['alertname'] ?? '')
  await until('rules to be evaluated', async () => {
    const { result } = (await ask('/query?query=ippoold:pool_available:ratio')) as {
      readonly result: readonly unknown[]
    }
    return result.length === 2 || undefined
  })
  t.notOk(namesOf(await firing()).includes('IppooldPoolFull'), 'not yet')
  const { status } = await call('POST', '/ipam/v1/assign', { node: 'n1', ipv4: 16, pools: ['blue'] })
  t.equal(status, 201)
  const full = await until('the alert', async () => {
    return (await firing()).find(({ labels }) => labels['alertname'] === 'IppooldPoolFull')
  })
  t.match(full, {
    labels: { job: 'ippoold', ippool: 'blue', severity: 'critical' },
    annotations: { summary: 'The pool blue has no available address.', runbook_url: /runbooks.md#ippooldpoolfull$/ },
  })
  t.equal(
    namesOf(await firing()).filter((name) => name === 'IppooldPoolFull').length,
    1,
    'once, of two servers, and not for green',
  )
  await call('POST', '/ipam/v1/assign', { node: 'n2', ipv4: 1, pools: ['blue'] })
  await until('refusals', async () => namesOf(await firing()).includes('IppooldRefusals') || undefined)
})
