import t from 'tap'
import { clusterInformationKey, clusterInformations } from '../../src/model/index.ts'

const { family, text: key } = clusterInformationKey

t.test('cluster information comes back byte for byte', (t) => {
  const text =
    '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"5b0c6a52-0d1e-4a27-8a35-5f8f4a0f6f01","creationTimestamp":"2026-11-23T03:58:00Z"},"spec":{"clusterGUID":"9c1b7f0e4d3a4c55a1f0b6d2e8c7a901","clusterType":"k8s,bgp","calicoVersion":"v3.33.0","datastoreReady":true}}'
  const decoded = clusterInformations.decode(key, text)
  t.equal(decoded.ok && clusterInformations.encode(decoded.value), text)
  t.equal(family, clusterInformations)
  t.equal(key, '/calico/resources/v3/projectcalico.org/clusterinformations/default')
  t.end()
})

t.test('only an explicit false says that the datastore is not ready', (t) => {
  const cases: [spec: string, isDatastoreReady: boolean][] = [
    ['{"datastoreReady":false}', false],
    ['{"datastoreReady":true}', true],
    ['{"datastoreReady":null}', true],
    ['{}', true],
  ]
  for (const [spec, isDatastoreReady] of cases) {
    const decoded = clusterInformations.decode(key, `{"metadata":{"name":"default"},"spec":${spec}}`)
    t.match(decoded, { ok: true, value: { name: 'default', isDatastoreReady } }, spec)
  }
  t.end()
})

t.test('a readiness that is neither true nor false is a problem', (t) => {
  const decoded = clusterInformations.decode(key, '{"metadata":{"name":"default"},"spec":{"datastoreReady":"no"}}')
  t.match(decoded, { ok: false, problem: /^spec\.datastoreReady: / })
  t.end()
})
