import { readFileSync } from 'node:fs'
import t from 'tap'
import { manifestsIn } from '../../scripts/manifests.ts'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'
import { ApiClient } from '../support/kubernetes/api-client.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { applyAll, type Manifest } from '../support/kubernetes/apply.ts'
import { createIn, createNode, installCalico } from '../support/kubernetes/calico-cluster.ts'
import { calicoGroups, calicoPath } from '../support/kubernetes/calico-definitions.ts'
import { CalicoClient } from '../support/kubernetes/calico/client.ts'
import { toEnd } from '../support/kubernetes/calico/steps.ts'

/** The rendered chart on a real API server: it takes every object, and gives the pods the rights that they need, and no more. */

const skip = skipWithoutKubeApiserver()
const rendered = readFileSync(new URL('../deploy/chart/kubernetes.yaml', import.meta.url), 'utf8')

t.test('the chart in a cluster whose API server has Calico’s data', { skip }, async (t) => {
  const server = await startApiServer(t)
  const { client } = server
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ippoold' } }
  await applyAll(client, [namespace, ...(manifestsIn(rendered) as readonly Manifest[])])
  const token = await server.serviceAccountToken('ippoold', 'ippoold', 600)
  const ippoold = new ApiClient(t, { url: server.url, ca: server.authority.pem, token })
  await createNode(client, 'node-1')

  for (const group of calicoGroups) {
    await installCalico(client, group)
    await createIn(client, group, 'IPPool', 'pool', { cidr: '10.0.0.0/24' })

    await t.test(`ippoold may do what Calico does with ${group}`, async (t) => {
      const calico = new CalicoClient(ippoold, group, 'node-1')
      const assignment = await toEnd(calico.autoAssign(['10.0.0.0/26'], 'h'))
      t.equal(assignment?.address, '10.0.0.0')
      t.equal((await toEnd(calico.releaseByHandle('h'))).length, 1)
      t.equal(await toEnd(calico.releaseAffinity('10.0.0.0/26')), 'released')
      await createIn(ippoold, group, 'IPPool', 'other', { cidr: '10.1.0.0/24' })
      const path = calicoPath(group, 'ippools', 'other')
      const pool = await ippoold.get(path)
      await ippoold.replace(path, { ...pool, spec: { ...pool.spec, disabled: true } } as typeof pool)
      const conditions = [{ type: 'Allocatable', status: 'False', reason: 'PoolDisabled', message: 'disabled' }]
      const status = { conditions: conditions.map((one) => ({ ...one, lastTransitionTime: '2026-11-30T00:00:00Z' })) }
      t.match(await ippoold.replace(`${path}/status`, { ...(await ippoold.get(path)), status }), { status })
      await ippoold.delete(path)
      t.ok(await ippoold.get(calicoPath(group, 'clusterinformations', 'default')))
    })
  }

  await t.test('ippoold may elect a leader, keep records and write events', async (t) => {
    const leases = '/apis/coordination.k8s.io/v1/namespaces/ippoold/leases'
    const lease = await ippoold.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'upkeep' },
    })
    t.ok(await ippoold.replace(`${leases}/upkeep`, lease))
    t.ok(await ippoold.create('/api/v1/namespaces/ippoold/configmaps', { metadata: { name: 'operation' } }))
    const event = (where: string) => {
      return ippoold.request('POST', `/apis/events.k8s.io/v1/namespaces/${where}/events`, {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: 'pool.1' },
        eventTime: '2026-11-30T00:00:00.000000Z',
        reportingController: 'ippoold',
        reportingInstance: 'ippoold-0',
        action: 'Assign',
        reason: 'PoolAlmostFull',
        type: 'Warning',
        note: '95 of 100 addresses are in use',
        regarding: { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', name: 'pool' },
      })
    }
    t.match(await event('default'), { status: 201 })
  })

  await t.test('ippoold may do nothing else', async (t) => {
    const refused: readonly (readonly [method: 'GET' | 'POST' | 'DELETE', path: string])[] = [
      ['GET', '/api/v1/secrets'],
      ['GET', '/api/v1/namespaces/ippoold/secrets'],
      ['DELETE', '/api/v1/nodes/node-1'],
      ['GET', '/api/v1/namespaces/default/configmaps'],
      ['POST', '/api/v1/namespaces/kube-system/configmaps'],
      ['GET', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'],
      ['DELETE', calicoPath('projectcalico.org', 'clusterinformations', 'default')],
      ['DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ippools.projectcalico.org'],
    ]
    for (const [method, path] of refused)
      t.equal((await ippoold.request(method, path)).status, 403, `${method} ${path}`)
  })
})
