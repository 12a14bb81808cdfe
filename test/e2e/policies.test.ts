import t, { type Test } from 'tap'
import { createPolicy, policiesPath, startGuarded, tokenOf } from '../support/access.ts'
import { findKubectls, kubectlFor } from '../support/kubectl.ts'
import type { Answer, HttpClient } from '../support/http-client.ts'
import { poolOf, poolsPath, refusalIn } from '../support/ippoold.ts'
import { startProxy, type TcpProxy } from '../support/proxy.ts'
import { startTls } from '../support/tls-front.ts'
import { until } from '../support/until.ts'
import { watch } from '../support/watcher.ts'

/** What callers may do with objects, by the policies of real servers. */

t.setTimeout(240_000)

const api = '/apis/projectcalico.org/v3'
const onlyBlue = { poolSelector: "team == 'blue'" }
const all = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']

function subjects(...groups: readonly string[]): readonly object[] {
  return groups.map((name) => ({ kind: 'Group', name }))
}

function namesIn({ body }: Answer): readonly string[] {
  return ((body['items'] ?? []) as readonly { metadata: { name: string } }[]).map(({ metadata: { name } }) => name)
}

function messageIn({ body }: Answer): string {
  return String(body['message'])
}

/** Pools of two teams, and a policy by which the members of the group blue may do everything with the pools of theirs. */
async function twoTeams(t: Test) {
  const rig = await startGuarded(t, { alice: ['blue'], bob: ['other'], vera: ['ippoold:view'] }, (endpoint) =>
    Promise.resolve([endpoint, endpoint]),
  )
  const root = rig.as('root')
  for (const [index, team] of ['blue', 'red', 'blue', 'red', 'red'].entries()) {
    const pool = poolOf(`pool-${index}`, { cidr: `10.${index}.0.0/16` })
    const answer = await root('POST', poolsPath, { ...pool, metadata: { name: `pool-${index}`, labels: { team } } })
    t.equal(answer.status, 201)
  }
  const rules = [{ verbs: all, resources: ['ippools', 'ipamblocks', 'blockaffinities'], ...onlyBlue }]
  await createPolicy(root, 'blue', { subjects: subjects('blue'), rules })
  return { ...rig, root }
}

/** Waits until a call is answered with this status, and says how long that took. */
async function waitFor(what: string, call: () => Promise<Answer>, status: number): Promise<number> {
  const begin = performance.now()
  await until(what, async () => (await call()).status === status || undefined)
  return performance.now() - begin
}

t.test('what one may not see is as if it did not exist', async (t) => {
  const { as, root } = await twoTeams(t)
  const alice = as('alice', 1)
  await waitFor('the policy to arrive', () => alice('GET', poolsPath), 200)

  const missing = (name: string) => ({
    status: 404,
    body: { message: `ippools.projectcalico.org "${name}" not found` },
  })
  const patch = 'application/merge-patch+json'
  for (const name of ['pool-1', 'none']) {
    const path = `${poolsPath}/${name}`
    t.match(await alice('GET', path), missing(name))
    t.match(await alice('PUT', path, poolOf(name, { cidr: '10.1.0.0/16' })), missing(name))
    t.match(await alice('PATCH', path, { spec: { disabled: true } }, patch), missing(name))
    t.match(await alice('PATCH', `${path}/status`, { status: {} }, patch), missing(name))
    t.match(await alice('DELETE', path), missing(name))
  }
  t.match(await alice('GET', `${poolsPath}/pool-0`), { status: 200 })

  const list = await alice('GET', poolsPath)
  t.strictSame(namesIn(list), ['pool-0', 'pool-2'])
  const first = await alice('GET', `${poolsPath}?limit=1`)
  const { metadata } = first.body as { metadata: { continue?: string; remainingItemCount?: number } }
  t.notOk('remainingItemCount' in metadata)
  const second = await alice('GET', `${poolsPath}?limit=1&continue=${encodeURIComponent(metadata.continue ?? '')}`)
  t.strictSame([namesIn(first), namesIn(second)], [['pool-0'], ['pool-2']])
  t.notOk('continue' in (second.body['metadata'] as object), 'what follows is not hers')

  const overlapping = await alice('POST', poolsPath, {
    ...poolOf('new', { cidr: '10.0.0.0/14' }),
    metadata: { name: 'new', labels: { team: 'blue' } },
  })
  t.match(
    messageIn(overlapping),
    /overlaps with IPPool pool-0 \S+ and with IPPool pool-2 \S+ and with a range that is in use$/,
  )
  t.notMatch(JSON.stringify(overlapping.body), /pool-1|pool-3/)

  t.match(await alice('DELETE', poolsPath), { status: 200 })
  t.strictSame(namesIn(await root('GET', poolsPath)), ['pool-1', 'pool-3', 'pool-4'], 'a delete of all deletes hers')
})

t.test('nobody moves a pool into or out of their sight', async (t) => {
  const { as, root } = await twoTeams(t)
  const alice = as('alice')
  const patch = (name: string, team: string | null) =>
    alice('PATCH', `${poolsPath}/${name}`, { metadata: { labels: { team } } }, 'application/merge-patch+json')
  const forbidden = (verb: string) => ({
    status: 403,
    body: { reason: 'Forbidden', message: new RegExp(`^User "alice" may not ${verb} these ippools; an AccessPolicy`) },
  })
  t.match(await patch('pool-0', 'red'), forbidden('patch'))
  t.match(await patch('pool-0', null), forbidden('patch'))
  t.match(await patch('pool-1', 'blue'), { status: 404 })
  t.match(await alice('PUT', `${poolsPath}/pool-0`, poolOf('pool-0', { cidr: '10.0.0.0/16' })), forbidden('update'))
  t.match(await alice('POST', poolsPath, poolOf('own', { cidr: '10.50.0.0/16' })), forbidden('create'))
  t.match(await root('GET', `${poolsPath}/pool-0`), { body: { metadata: { labels: { team: 'blue' } } } })

  const apply = (name: string, team: string, cidr: string) =>
    alice(
      'PATCH',
      `${poolsPath}/${name}?fieldManager=alice`,
      { ...poolOf(name, { cidr }), metadata: { name, labels: { team } } },
      'application/apply-patch+yaml',
    )
  t.match(await apply('own', 'red', '10.50.0.0/16'), forbidden('patch'))
  t.match(await apply('own', 'blue', '10.50.0.0/16'), { status: 201 })
  t.match(await apply('pool-1', 'blue', '10.1.0.0/16'), { status: 409, body: { reason: 'AlreadyExists' } })
  const noCreate = [{ verbs: ['patch', 'get'], resources: ['ippools'], ...onlyBlue }]
  await root('PATCH', `${policiesPath}/blue`, { spec: { rules: noCreate } }, 'application/merge-patch+json')
  await until('the policy to act', async () => (await alice('DELETE', `${poolsPath}/own`)).status === 403 || undefined)
  for (const name of ['pool-1', 'none']) t.match(await apply(name, 'blue', '10.60.0.0/16'), forbidden('create'), name)
  t.match(await apply('own', 'blue', '10.50.0.0/16'), { status: 200 }, 'a change needs no create')
})

t.test(
  'blocks and their affinities belong to a pool, and handles to all pools that they have addresses of',
  async (t) => {
    const { as, root } = await twoTeams(t)
    const assign = (handle: string, pools: readonly string[]) =>
      root('POST', '/ipam/v1/assign', { handle, node: 'n', ipv4: 1, pools })
    for (const [handle, pool] of [
      ['blue.1', 'pool-0'],
      ['red.1', 'pool-1'],
      ['blue.2', 'pool-2'],
      ['blue.2', 'pool-3'],
    ] as const)
      t.match(await assign(handle, [pool]), { status: 201 }, handle)
    const alice = as('alice')
    for (const plural of ['ipamblocks', 'blockaffinities']) {
      const seen = namesIn(await alice('GET', `${api}/${plural}`))
      const others = namesIn(await root('GET', `${api}/${plural}`))
      t.equal(others.length, 4, plural)
      t.match(seen, [/10-0-/, /10-2-/], plural)
      const [hidden = ''] = others.filter((name) => !seen.includes(name))
      t.match(await alice('GET', `${api}/${plural}/${hidden}`), { status: 404 })
      t.match(await alice('GET', `${api}/${plural}/${seen[0] ?? ''}`), { status: 200 })
    }
    t.match(await alice('GET', `${api}/ipamhandles`), { status: 403 })
    const rules = [{ verbs: ['get', 'list'], resources: ['ipamhandles'], ...onlyBlue, handles: ['blue.*'] }]
    await createPolicy(root, 'handles', { subjects: subjects('blue'), rules })
    await waitFor('the policy', () => alice('GET', `${api}/ipamhandles`), 200)
    t.strictSame(
      namesIn(await alice('GET', `${api}/ipamhandles`)),
      ['blue.1'],
      'blue.2 has an address of a red pool, too',
    )
    t.match(await alice('GET', `${api}/ipamhandles/red.1`), { status: 404 })
  },
)

t.test('a watch shows what comes into sight and what leaves it, and ends when rights change', async (t) => {
  const { as, root, servers } = await twoTeams(t)
  const patch = (name: string, team: string) =>
    root('PATCH', `${poolsPath}/${name}`, { metadata: { labels: { team } } }, 'application/merge-patch+json')
  await waitFor('the policy to arrive', () => as('alice', 1)('GET', poolsPath), 200)
  const response = await fetch(`${servers[1]?.url ?? ''}${poolsPath}?watch=true`, {
    headers: { authorization: `Bearer ${tokenOf('alice')}` },
  })
  t.equal(response.status, 200)
  const events: string[] = []
  let text = ''
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true })
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        const { type, object } = JSON.parse(line) as {
          type: string
          object: { code?: number; metadata: { name?: string } }
        }
        events.push(`${type} ${object.metadata.name ?? object.code ?? ''}`)
      }
    }
  })()
  await until('the state', () => events.length === 2 || undefined)
  await patch('pool-1', 'blue')
  await patch('pool-3', 'green')
  await patch('pool-0', 'red')
  await until('the changes', () => events.length === 4 || undefined)
  t.strictSame(events, ['ADDED pool-0', 'ADDED pool-2', 'ADDED pool-1', 'DELETED pool-0'])
  await root('DELETE', `${policiesPath}/blue`)
  await reading
  t.strictSame(events.slice(4), ['ERROR 410'])
})

t.test('a watch shows nothing of what a pool becomes or holds after it has left the sight', async (t) => {
  const { as, root, servers } = await twoTeams(t)
  const api = '/apis/projectcalico.org/v3'
  const plurals = ['ippools', 'ipamblocks', 'ipamhandles', 'blockaffinities']
  const rules = [{ verbs: ['list', 'watch'], resources: plurals, ...onlyBlue }]
  await createPolicy(root, 'bob', { subjects: [{ kind: 'User', name: 'bob' }], rules })
  const assign = (handle: string) => root('POST', '/ipam/v1/assign', { handle, pools: ['pool-0'], node: 'n' })
  t.match(await assign('before'), { status: 201 })
  const relabel = (team: string, plan: string) =>
    root('PATCH', `${poolsPath}/pool-0`, { metadata: { labels: { team, plan } } }, 'application/merge-patch+json')
  t.match(await relabel('blue', 'known'), { status: 200 })
  await waitFor('the policy to arrive', () => as('bob', 1)('GET', `${api}/ipamblocks`), 200)
  const watches = await Promise.all(
    plurals.map((plural) =>
      watch(t, servers[1]?.url ?? '', `${api}/${plural}?watch=true`, undefined, `Bearer ${tokenOf('bob')}`),
    ),
  )
  const [pools, ...others] = watches
  await Promise.all(watches.map((one) => one.has(1)))
  t.match(await relabel('other', 'hidden'), { status: 200 })
  for (const one of others) {
    const end = await until('the end of the watch', () => one.events.find(({ type }) => type === 'ERROR'))
    t.match(end.object, { code: 410 })
  }
  const last = await until('the pool to leave', () => pools?.events.find(({ type }) => type === 'DELETED'))
  t.match(last.object.metadata, { name: 'pool-0', labels: { team: 'blue', plan: 'known' }, generation: 1 })
  t.match(await assign('after'), { status: 201 })
  for (const one of watches) t.notMatch(JSON.stringify(one.events), /other|hidden|after/)
})

t.test('a change of a policy acts within a second on every server', async (t) => {
  const { as, root } = await twoTeams(t)
  const bob = as('bob', 1)
  t.match(await bob('GET', poolsPath), { status: 403 })
  await createPolicy(root, 'bob', {
    subjects: [{ kind: 'User', name: 'bob' }],
    rules: [{ verbs: ['*'], resources: ['*'] }],
  })
  t.ok((await waitFor('the policy', () => bob('GET', poolsPath), 200)) < 1_000)
  t.match(await bob('DELETE', `${policiesPath}/bob`), { status: 200 })
  t.ok((await waitFor('its end', () => bob('GET', poolsPath), 403)) < 1_000)
})

t.test('nobody gives rights that they have not', async (t) => {
  const { as, root } = await twoTeams(t)
  const manage = [{ verbs: ['*'], resources: ['accesspolicies'] }]
  await createPolicy(root, 'managers', { subjects: subjects('blue'), rules: manage })
  const alice = as('alice')
  await waitFor('the policy', () => alice('GET', policiesPath), 200)
  const create = (name: string, rule: object): Promise<Answer> =>
    alice('POST', policiesPath, { metadata: { name }, spec: { subjects: subjects('other'), rules: [rule] } })
  t.match(await create('same', { verbs: ['get', 'delete'], resources: ['ippools'], ...onlyBlue }), { status: 201 })
  t.match(await create('all', { verbs: ['get'], resources: ['ippools'] }), {
    status: 403,
    body: {
      message:
        /^accesspolicies\.ippoold\.io "all" is forbidden: spec\.rules\[0\] allows to get ippools, a right that the caller lacks/,
    },
  })
  t.match(await create('star', { verbs: ['*'], resources: ['*'] }), { status: 403 })
  const grow = { spec: { rules: [{ verbs: ['*'], resources: ['*'] }] } }
  const merge = 'application/merge-patch+json'
  t.match(await alice('PATCH', `${policiesPath}/managers`, grow, merge), { status: 403 })
  t.match(await alice('PATCH', `${policiesPath}/managers`, { metadata: { labels: { a: 'b' } } }, merge), {
    status: 200,
  })
  const member = { spec: { subjects: subjects('ippoold:edit', 'blue') } }
  t.match(await alice('PATCH', `${policiesPath}/ippoold:edit`, member, merge), { status: 403 })
  t.match(await alice('DELETE', `${policiesPath}/ippoold:edit`), { status: 200 }, 'to take rights away needs no more')
})

t.test('the built-in policies are there once, and can be changed', async (t) => {
  const { as, root, keys } = await twoTeams(t)
  t.match(namesIn(await root('GET', policiesPath)), ['blue', 'ippoold:edit', 'ippoold:view'])
  const vera = as('vera')
  t.match(await vera('GET', poolsPath), { status: 200 })
  t.match(await vera('GET', policiesPath), { status: 403 })
  t.match(await vera('DELETE', `${poolsPath}/pool-0`), { status: 403 })
  t.match(await root('DELETE', `${policiesPath}/ippoold:edit`), { status: 200 })
  t.ok(await keys.get('/ippoold/v1/built-in/accesspolicies/ippoold:edit'), 'it is remembered, so it does not come back')
})

t.test('a server that hears no news of etcd changes nothing', async (t) => {
  let proxy: TcpProxy | undefined
  const { as } = await startGuarded(t, { alice: ['blue'] }, async (endpoint) => {
    proxy = await startProxy(t, endpoint)
    return [endpoint, proxy.endpoint]
  })
  const [root, alice] = [as('root'), as('alice', 1)]
  await createPolicy(root, 'alice', { subjects: subjects('blue'), rules: [{ verbs: all, resources: ['nodes'] }] })
  const create = (name: string, call: HttpClient['call']) =>
    call('POST', `${api}/nodes`, { metadata: { name }, spec: {} })
  await waitFor('the policy', () => alice('GET', `${api}/nodes`), 200)
  t.match(await create('before', alice), { status: 201 })
  proxy?.hold('pushes')
  await root('DELETE', `${policiesPath}/alice`)
  const begin = performance.now()
  let count = 0
  const refused = await until('a change to be refused', async () => {
    const answer = await create(`after-${++count}`, alice)
    return answer.status === 201 ? undefined : answer
  })
  t.match(refusalIn(refused), { status: 503, reason: 'ServiceUnavailable' })
  t.ok(performance.now() - begin < 10_000)
  proxy?.release()
})

for (const binary of await findKubectls()) {
  t.test(`kubectl ${binary.version} is told what its user may do`, async (t) => {
    const { servers, as } = await startGuarded(t, { alice: ['blue'] }, (endpoint) => Promise.resolve([endpoint]))
    const rules = [
      { verbs: ['get', 'list'], resources: ['ippools'], ...onlyBlue },
      { verbs: ['assign'], resources: ['addresses'], handles: ['blue.*'] },
    ]
    await createPolicy(as('root'), 'blue', { subjects: subjects('blue'), rules })
    // kubectl sends a token by TLS only.
    const kubectl = await kubectlFor(t, await startTls(t, new URL(servers[0]?.url ?? '')), binary)
    const ask = (user: string, ...args: readonly string[]) =>
      kubectl.run(['--insecure-skip-tls-verify', '--token', tokenOf(user), 'auth', 'can-i', ...args])
    await until('the policy', async () => (await ask('alice', 'list', 'ippools')).code === 0 || undefined)
    t.match(await ask('alice', 'assign', 'addresses'), { stdout: /^yes/m, code: 0 })
    t.match(await ask('alice', 'delete', 'ippools'), { stdout: /^no/m, code: 1 })
    t.match(await ask('root', 'delete', 'ippools'), { stdout: /^yes/m, code: 0 })
    const list = await ask('alice', '--list')
    t.match(list, { stdout: /^ippools\.projectcalico\.org +\[\] +\[\] +\[get list\]$/m, code: 0 })
    t.match(list, { stdout: /^addresses +\[\] +\[blue\.\*\] +\[assign\]$/m, stderr: /rule 0 of "blue"/ })
  })
}
