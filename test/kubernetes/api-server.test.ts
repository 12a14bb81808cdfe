import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'
import { ApiClient } from '../support/kubernetes/api-client.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { applyAll } from '../support/kubernetes/apply.ts'
import { createNode, installCalico } from '../support/kubernetes/calico-cluster.ts'
import { calicoGroups, calicoPath } from '../support/kubernetes/calico-definitions.ts'

const skip = skipWithoutKubeApiserver()

t.test('an API server for tests', { skip }, async (t) => {
  const server = await startApiServer(t, { users: ['somebody', 'reader'] })
  const { client } = server
  await createNode(client, 'node-1', { zone: 'a' })

  await t.test('is of the version that go.mod names', async (t) => {
    const goMod = readFileSync(new URL('apiserver/go.mod', import.meta.url), 'utf8')
    const [, version] = /k8s\.io\/kubernetes (v\S+)/.exec(goMod) ?? []
    const { body } = await client.request('GET', '/version')
    t.match(body, { gitVersion: version })
  })

  await t.test('lets users do what RBAC allows them', async (t) => {
    const pods = '/api/v1/namespaces/default/pods'
    t.equal((await server.clientOf('reader').request('GET', '/api/v1/nodes')).status, 403)
    await applyAll(client, [
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: 'reads-nodes' },
        rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'reads-nodes' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reads-nodes' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }],
      },
    ])
    t.equal((await server.clientOf('reader').request('GET', '/api/v1/nodes')).status, 200)
    t.equal((await server.clientOf('reader').request('GET', pods)).status, 403, 'and nothing else')
    t.equal((await server.clientOf('somebody').request('GET', '/api/v1/nodes')).status, 403, 'and nobody else')
  })

  await t.test('knows tokens of ServiceAccounts until they expire', async (t) => {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'ippoold' } }
    await client.create('/api/v1/namespaces/default/serviceaccounts', account)
    const statusFor = async (seconds: number): Promise<unknown> => {
      const token = await server.serviceAccountToken('default', 'ippoold', seconds)
      const caller = new ApiClient(t, { url: server.url, ca: server.authority.pem, token })
      return caller.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'SelfSubjectReview',
      })
    }
    t.match(await statusFor(600), {
      status: 201,
      body: { status: { userInfo: { username: 'system:serviceaccount:default:ippoold' } } },
    })
    // Clocks may differ by a minute.
    t.match(await statusFor(-120), { status: 401 })
  })

  await t.test('is described by a kubeconfig', async (t) => {
    const config = JSON.parse(readFileSync(await server.kubeconfig('reader'), 'utf8')) as {
      clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }]
      users: [{ user: { token: string } }]
    }
    const [{ cluster }] = config.clusters
    const ca = Buffer.from(cluster['certificate-authority-data'], 'base64').toString()
    t.equal(new X509Certificate(ca).subject, 'CN=kubernetes test CA')
    const caller = new ApiClient(t, { url: cluster.server, ca, token: config.users[0].user.token })
    t.equal((await caller.request('GET', '/api/v1/nodes')).status, 200)
  })

  await t.test('keeps its objects when it is killed, and forgets the events before', async (t) => {
    const before = await client.get('/api/v1/nodes/node-1')
    await server.kill()
    t.notOk(await client.isReady())
    await server.start()
    t.strictSame(await client.get('/api/v1/nodes/node-1'), before)
    await createNode(client, 'node-2')
    const next = async (version: string) => {
      for await (const { type, object } of client.watch('/api/v1/nodes', version)) {
        if (type !== 'BOOKMARK') return { type, object }
      }
      return undefined
    }
    t.match(await next(before.metadata.resourceVersion), { type: 'ERROR', object: { code: 410 } })
    const { metadata } = await client.get('/api/v1/nodes')
    await createNode(client, 'node-3')
    t.match(await next(metadata.resourceVersion), { type: 'ADDED', object: { metadata: { name: 'node-3' } } })
  })

  await t.test('has both of Calico’s groups', async (t) => {
    for (const group of calicoGroups) {
      await installCalico(client, group)
      const information = await client.get(calicoPath(group, 'clusterinformations', 'default'))
      t.equal(information.spec['datastoreReady'], true, group)
    }
  })

  await t.test('stops at a signal, and starts again', async (t) => {
    await server.stop()
    await server.start()
    t.ok(await client.find('/api/v1/nodes/node-2'))
  })
})
