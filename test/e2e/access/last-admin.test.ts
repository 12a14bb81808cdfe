import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startEtcd, temporaryFolder } from '../../support/etcd.ts'
import { type Answer, HttpClient } from '../../support/http-client.ts'
import { startServer } from '../../support/server.ts'
import { until } from '../../support/until.ts'

/** The last admin, and watches of those whose token ends, on real servers. */

t.setTimeout(240_000)

const path = '/apis/ippoold.io/v1/accesstokens'
const rootToken = 'the-token-of-the-first-admin'
const merge = 'application/merge-patch+json'

/** Two servers on which `root` is an admin by a token file, until the file forgets that. */
async function start(t: Test) {
  const etcd = await startEtcd(t)
  const file = join(await temporaryFolder(t), 'tokens.csv')
  await writeFile(file, `${rootToken},root,1,ippoold:admins\n`)
  const env = { ETCD_ENDPOINTS: etcd.endpoint, IPPOOLD_TOKEN_FILE: file }
  const servers = await Promise.all([0, 1].map(() => startServer(t, { env })))
  const clients = servers.map(({ url }) => new HttpClient(t, url, 64))
  const as = (token: string, server = 0) => {
    const client = clients[server]
    if (client === undefined) throw new Error('there is no such server')
    return (method: Parameters<HttpClient['call']>[0], target: string, body?: object, type?: string) =>
      client.call(method, target, body, type, { authorization: `Bearer ${token}` })
  }
  const create = async (name: string, spec: object): Promise<string> => {
    const { body } = await as(rootToken)('POST', path, { metadata: { name }, spec: { user: name, ...spec } })
    return (body['status'] as { readonly token: string }).token
  }
  /** Takes the admin out of the token file, and waits until both servers know. */
  const forgetRoot = async (): Promise<void> => {
    await writeFile(file, `${rootToken},root,1,nobody\n`)
    for (const server of [0, 1])
      await until(
        'the file to be read',
        async () => (await as(rootToken, server)('GET', path)).status === 403 || undefined,
      )
  }
  const arrive = (token: string): Promise<unknown> =>
    until('the token to arrive', async () => (await as(token, 1)('GET', path)).status === 200 || undefined)
  return { as, create, forgetRoot, arrive, servers }
}

function namesIn({ body }: Answer): readonly string[] {
  return ((body['items'] ?? []) as readonly { metadata: { name: string } }[]).map(({ metadata: { name } }) => name)
}

t.test('of many admins who delete each other at once, one stays', async (t) => {
  const { as, create, forgetRoot, arrive } = await start(t)
  const names = Array.from({ length: 64 }, (_, number) => `admin-${number}`)
  await create('reader', { groups: ['blue'] })
  const tokens = await Promise.all(names.map((name) => create(name, { groups: ['ippoold:admins'] })))
  await forgetRoot()
  await arrive(tokens.at(-1) ?? '')
  // Each deletes the token of its neighbour, so that whoever is left can still be asked.
  const answers = await Promise.all(
    names.map((_, number) => as(tokens[number] ?? '', number % 2)('DELETE', `${path}/admin-${(number + 1) % 64}`)),
  )
  t.ok(answers.some(({ status }) => status === 200))
  for (const { status } of answers) t.ok([200, 401, 409].includes(status), String(status))
  const alive = async (): Promise<string | undefined> => {
    for (const token of tokens) if ((await as(token)('GET', path)).status === 200) return token
    return undefined
  }
  const left = await alive()
  t.ok(left !== undefined, 'there is an admin')
  const refusal = {
    status: 409,
    body: {
      reason: 'Conflict',
      message: /the last valid access token .* Create another .*ippoold\.io\/last-admin to "may-go"/,
    },
  }
  t.match(await as(left ?? '')('DELETE', path), refusal, 'a delete of all leaves the last one')
  // If several were left, it may be another one.
  const admin = as((await alive()) ?? '')
  const rest = namesIn(await admin('GET', path)).filter((name) => name !== 'reader')
  t.equal(rest.length, 1)
  const last = `${path}/${rest[0] ?? ''}`
  t.match(await admin('DELETE', last), refusal)
  t.match(await admin('DELETE', `${last}?dryRun=All`), refusal)
  t.match(await admin('PATCH', last, { spec: { expiresAt: '2090-01-01T00:00:00Z' } }, merge), refusal)
  const mayGo = { metadata: { annotations: { 'ippoold.io/last-admin': 'may-go' } } }
  t.match(await admin('PATCH', last, mayGo, merge), { status: 200 })
  t.match(await admin('DELETE', last), { status: 200 })
  // Too many tokens of others may have failed by now.
  t.ok([401, 429].includes((await admin('GET', path)).status))
})

t.test('64 callers who delete the last two leave one of them', async (t) => {
  const { as, create, forgetRoot, arrive } = await start(t)
  const tokens = [
    await create('one', { groups: ['ippoold:admins'] }),
    await create('two', { groups: ['ippoold:admins'] }),
  ]
  t.match(await as(tokens[0] ?? '')('DELETE', `${path}/two?dryRun=All`), { status: 200 })
  await forgetRoot()
  await arrive(tokens[1] ?? '')
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, number) =>
      as(tokens[number % 2] ?? '', (number >> 1) % 2)('DELETE', `${path}/${number % 4 < 2 ? 'one' : 'two'}`),
    ),
  )
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  const left = await Promise.all(tokens.map(async (token) => (await as(token)('GET', path)).status))
  t.strictSame(left.toSorted(), [200, 401])
})

t.test('with an admin in the token file, any token may go', async (t) => {
  const { as, create } = await start(t)
  await create('one', { groups: ['ippoold:admins'] })
  t.match(await as(rootToken)('DELETE', `${path}/one`), { status: 200 })
})

t.test('a watch ends with the token that it was begun with', async (t) => {
  const { create, arrive, as, servers } = await start(t)
  const watch = async (token: string) => {
    const response = await fetch(`${servers[1]?.url ?? ''}${path}?watch=true&resourceVersion=0`, {
      headers: { authorization: `Bearer ${token}` },
    })
    t.equal(response.status, 200)
    return response.text().then((text) => ({ text, at: Date.now() }))
  }
  const groups = ['ippoold:admins']
  const [kept, deleted, shortened] = [
    await create('kept', { groups }),
    await create('deleted', { groups }),
    await create('shortened', { groups, expiresAt: '2090-01-01T00:00:00Z' }),
  ]
  const expiresAt = Date.now() + 8_000
  const expiring = await create('expiring', { groups, expiresAt: new Date(expiresAt).toISOString() })
  await arrive(expiring)
  let isKept = true
  const ends = { deleted: watch(deleted), shortened: watch(shortened), expiring: watch(expiring) }
  void watch(kept).then(
    () => (isKept = false),
    () => undefined,
  )
  const root = as(rootToken)
  // A use is stored after a while, and ends nothing.
  const expired = await ends.expiring
  t.match(expired.text, /"type":"ERROR".*"code":410/)
  t.ok(expired.at - expiresAt < 2_000, `${expired.at - expiresAt} ms after it has expired`)
  t.ok(expired.at >= expiresAt - 5, 'and not before')
  const begin = Date.now()
  await root('DELETE', `${path}/deleted`)
  await root('PATCH', `${path}/shortened`, { spec: { expiresAt: '2026-01-01T00:00:00Z' } }, merge)
  for (const name of ['deleted', 'shortened'] as const) {
    const { text, at } = await ends[name]
    t.match(text.trim().split('\n').at(-1), /"type":"ERROR".*"code":410/, name)
    t.ok(at - begin < 2_000, `${name}: ${at - begin} ms`)
  }
  t.ok(isKept, 'the watch of another token goes on')
})
