import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { helm, helmTemplate, type Manifest, manifestsIn, renderings } from '../../scripts/manifests.ts'
import { skipWithout } from '../../scripts/tools.ts'
import { parseConfig } from '../../src/config.ts'
import { messageOf } from '../../src/start/failure.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { sectionOf, shellBlocksOf } from '../support/shell-blocks.ts'
import { containerOf, deploymentIn, notRestrictedIn, wrongIn } from './manifests.ts'

const root = new URL('../../', import.meta.url)
const cases = ['smallest', 'full', 'kubernetes'].map((name) => ({
  name,
  values: `test/deploy/chart/${name}.values.yaml`,
}))
const [smallest = { name: '', values: '' }, full = smallest, kubernetes = smallest] = cases

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

/** What Helm refuses the chart for, with values that are set besides those of a case; undefined if it renders. */
function refusal(values: string, ...set: readonly string[]): string | undefined {
  try {
    helmTemplate(values, ...set.flatMap((one) => ['--set', one]))
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

t.test('the version of the chart is that of ippoold', async (t) => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  t.match(parse(read('deploy/helm/ippoold/Chart.yaml')), { version, appVersion: version })
})

t.test('Helm finds nothing wrong', { skip: skipWithout('helm') }, async (t) => {
  for (const { name, values } of cases) {
    const printed = helm('lint', '--strict', '--kube-version', '1.32.0', '--values', values, 'deploy/helm/ippoold')
    t.match(printed, '1 chart(s) linted, 0 chart(s) failed', name)
  }
})

t.test('what is rendered is what was reviewed', { skip: skipWithout('helm') }, async (t) => {
  for (const { file, render } of renderings) t.equal(read(file), render(), `${file}; run "npm run manifests"`)
})

t.test("the objects are those of Kubernetes' schemas", { skip: skipWithout('kubernetes-validate') }, async (t) => {
  for (const { file } of renderings) {
    const objects = manifestsIn(read(file))
    t.ok(objects.length >= 4, file)
    t.strictSame(await wrongIn(t, objects), [], file)
  }
  const [service] = manifestsIn(read(renderings[0]?.file ?? '')).filter(({ kind }) => kind === 'Service')
  const planted = { ...service, spec: { selectors: {} } } as Manifest
  t.match(await wrongIn(t, [planted]), [/selectors/], 'a field that does not exist is found')
})

for (const { file } of renderings) {
  const objects = manifestsIn(read(file))
  const deployment = deploymentIn(objects)
  const container = containerOf(deployment)

  t.test(`${file}: the pods may run where Pod Security is restricted`, async (t) => {
    t.strictSame(notRestrictedIn(deployment), [])
    t.ok(deployment.spec.replicas >= 2)
  })

  t.test(`${file}: ippoold takes the settings`, async (t) => {
    const names = container.env.map(({ name }) => name)
    t.strictSame(names, [...new Set(names)], 'each is there once')
    const settings = container.env.map(({ name, value = 'from a Secret' }) => [name, value] as const)
    t.match(parseConfig([], Object.fromEntries(settings)), {
      ok: true,
      config: { port: 8080, healthPort: 8081 },
    })
  })

  t.test(`${file}: the objects fit together`, async (t) => {
    const { labels } = deployment.spec.template.metadata
    const selectors = objects.flatMap(({ kind, spec }) => {
      const { selector, podSelector } = (spec ?? {}) as Record<'selector' | 'podSelector', object | undefined>
      const found = selector ?? podSelector
      return found === undefined ? [] : [{ kind, labels: 'matchLabels' in found ? found.matchLabels : found }]
    })
    t.ok(selectors.length >= 4)
    for (const selector of selectors) t.match(labels, selector.labels, `${selector.kind} selects the pods`)
    const volumes = deployment.spec.template.spec.volumes ?? []
    t.strictSame(
      container.volumeMounts?.map(({ name }) => name) ?? [],
      volumes.map(({ name }) => name),
    )
    const folders = container.volumeMounts?.map(({ mountPath }) => mountPath) ?? []
    const files = container.env.flatMap(({ value }) => (value?.startsWith('/etc/') === true ? [value] : []))
    t.strictSame(
      files.filter((one) => !folders.some((folder) => one.startsWith(`${folder}/`))),
      [],
      'every file is in a volume',
    )
    t.strictSame(
      container.ports.map(({ name }) => name),
      ['api', 'health'],
    )
  })
}

t.test('values that the server could not start with are refused', { skip: skipWithout('helm') }, async (t) => {
  const table: readonly [what: string, values: string, set: readonly string[], problem: RegExp | undefined][] = [
    ['no etcd', smallest.values, ['etcd.endpoints=null'], /etcd\.endpoints is empty/],
    ['etcd, and Kubernetes', smallest.values, ['datastore.type=kubernetes'], /etcd\.endpoints is given although/],
    ['Kubernetes', kubernetes.values, ['datastore.kubernetes.apiGroup=projectcalico.org'], undefined],
    ['a group that is not Calico’s', kubernetes.values, ['datastore.kubernetes.apiGroup=apps'], /apiGroup/],
    ['no TLS', smallest.values, ['insecure.http=false'], /tls\.secretName is empty/],
    ['TLS, and none', full.values, ['insecure.http=true'], /insecure\.http is set although/],
    ['no authentication', smallest.values, ['insecure.noAuth=false'], /no way of authentication/],
    ['authentication, and none', full.values, ['insecure.noAuth=true'], /insecure\.noAuth is set although/],
    ['AccessTokens only', smallest.values, ['insecure.noAuth=false,auth.tokenFile.secretName=x'], undefined],
    [
      'client certificates without TLS',
      smallest.values,
      ['insecure.noAuth=false,auth.clientCa.secretName=x'],
      /auth\.clientCa needs tls/,
    ],
    ['a value that does not exist', smallest.values, ['replica=3'], /replica/],
    ['no server', smallest.values, ['replicas=0'], /replicas/],
    ['one server', smallest.values, ['replicas=1'], undefined],
    ['an endpoint without a port', smallest.values, ['etcd.endpoints={http://etcd}'], /endpoints/],
    ['a setting that another value is for', smallest.values, ['settings.IPPOOLD_PORT=9'], /IPPOOLD_PORT/],
    ['a setting that is none', smallest.values, ['settings.PORT=9'], /PORT/],
    ['a budget that allows no drain', smallest.values, ['podDisruptionBudget.maxUnavailable=0'], /maxUnavailable/],
  ]
  for (const [what, values, set, problem] of table) {
    const said = refusal(values, ...set)
    if (problem === undefined) t.equal(said, undefined, what)
    else t.match(said, problem, what)
  }
})

t.test('what docs/operations.md says to install renders', { skip: skipWithout('helm') }, async (t) => {
  const section = sectionOf('docs/operations.md', 'On Kubernetes with Helm')
  const [, values = ''] = /^```yaml\n# values\.yaml\n(.*?)^```$/ms.exec(section) ?? []
  const [line = ''] = shellBlocksOf(section).flatMap((block) => /^helm upgrade --install .*$/m.exec(block) ?? [])
  t.match(line, '--values values.yaml')
  const file = join(await temporaryFolder(t), 'values.yaml')
  await writeFile(file, values)
  const objects = manifestsIn(helmTemplate(file))
  const created = [...section.matchAll(/create secret \w+ (\S+)/g)].map(([, name]) => name)
  const mounted = deploymentIn(objects).spec.template.spec.volumes?.map(({ secret }) => secret)
  t.strictSame(
    mounted?.map((secret) => (secret as { readonly secretName: string }).secretName).sort(),
    created.sort(),
    'the Secrets that it makes are those that are needed',
  )
})

t.test('parts can be switched off', { skip: skipWithout('helm') }, async (t) => {
  const kinds = (...set: readonly string[]) =>
    manifestsIn(helmTemplate(full.values, ...set.flatMap((one) => ['--set', one]))).map(({ kind }) => kind)
  const all = kinds()
  const table: readonly [set: string, kind: string][] = [
    ['podDisruptionBudget.enabled=false', 'PodDisruptionBudget'],
    ['networkPolicy.enabled=false', 'NetworkPolicy'],
    ['serviceAccount.create=false', 'ServiceAccount'],
    ['serviceMonitor.enabled=false', 'ServiceMonitor'],
  ]
  for (const [set, kind] of table) {
    t.strictSame(
      kinds(set),
      all.filter((one) => one !== kind),
      set,
    )
  }
})

t.test('the PrometheusRule has the rules of deploy/monitoring', { skip: skipWithout('helm') }, async (t) => {
  const rules = new URL('deploy/monitoring/rules.yaml', root)
  const set = ['--set', 'prometheusRule.enabled=true,prometheusRule.runbookBase=https://git.example.org/']
  if (!existsSync(rules)) {
    t.match(refusal(smallest.values, 'prometheusRule.enabled=true'), /packaged without files\/rules\.yaml/)
    return
  }
  const link = fileURLToPath(new URL('deploy/helm/ippoold/files/rules.yaml', root))
  t.ok(existsSync(link), `${link} should be a symbolic link to ../../../monitoring/rules.yaml`)
  const rendered = manifestsIn(helmTemplate(smallest.values, ...set)).find(({ kind }) => kind === 'PrometheusRule')
  const expected = readFileSync(rules, 'utf8').replaceAll('runbook_url: ', 'runbook_url: https://git.example.org/')
  t.strictSame(rendered?.spec, parse(expected))
})
