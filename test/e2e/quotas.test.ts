import { Etcd3 } from 'etcd3'
import { Pool } from 'undici'
import t from 'tap'
import { attributeOf, type Block, blocks, charges, quotas, releaseOrdinals } from '../../src/model/index.ts'
import { ordinal } from '../../src/net/index.ts'
import { policiesPath, tokenOf, writeTokens } from '../support/access.ts'
import { EtcdKeys } from '../support/etcd-keys.ts'
import { startEtcd } from '../support/etcd.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

/**
 * A quota of 100 addresses, and 64 callers who want more, on two servers that do not know of each other. In no revision of etcd do they
 * hold more, also if a server is killed meanwhile; and what is counted is what is held.
 */

const limit = 100
const callers = 64
const policy = {
  subjects: [{ kind: 'Group', name: 'blue' }],
  rules: [{ verbs: ['*'], resources: ['*'], poolSelector: "team == 'blue'", handles: ['blue.*'], maxAddresses: limit }],
}
const members = ['blue-x', ...Array.from({ length: callers }, (_, caller) => `blue-${caller}`)]
const etcd = await startEtcd(t)
const keys = new EtcdKeys(t, etcd.endpoint)
const env = {
  ETCD_ENDPOINTS: etcd.endpoint,
  IPPOOLD_TOKEN_FILE: await writeTokens(t, {
    'green-x': ['green'],
    ...Object.fromEntries(members.map((member) => [member, ['blue']])),
  }),
  IPPOOLD_UPKEEP_INTERVAL_SECONDS: '1',
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** A server in a process of its own, as the users of the token file call it. */
class LimitedServer {
  readonly #server: TestServer
  readonly #pool: Pool

  private constructor(server: TestServer) {
    this.#server = server
    this.#pool = new Pool(server.url, { connections: callers })
  }

  static async start(): Promise<LimitedServer> {
    return new LimitedServer(await startServer(t, { env }))
  }

  /** Sends a call; undefined if the server is gone. */
  async call(
    user: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<Answer | undefined> {
    const authorization = `Bearer ${tokenOf(user)}`
    try {
      const response = await this.#pool.request({
        method,
        path,
        headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return { status: response.statusCode, body: (await response.body.json()) as Answer['body'] }
    } catch {
      return undefined
    }
  }

  async kill(): Promise<void> {
    await this.#server.stop('SIGKILL')
    await this.#pool.destroy()
  }
}

function heldIn(block: Block): number {
  return block.allocations.filter((index, place) => {
    const attribute = index === null ? undefined : attributeOf(block, ordinal(place))
    return attribute?.releasedAt === undefined && attribute?.handle?.startsWith('blue.') === true
  }).length
}

/** The most addresses that the handles of the quota have held in any revision since `start`. */
async function mostHeldSince(start: bigint): Promise<number> {
  const client = new Etcd3({ hosts: etcd.endpoint })
  t.teardown(() => client.close())
  const end = await keys.revision()
  const held = new Map<string, number>()
  let most = 0
  let seen = 0n
  const watcher = await client.watch().prefix(blocks.prefix).startRevision(String(start)).create()
  watcher.on('data', ({ events, header }) => {
    let revision = 0n
    const count = (): void =>
      void (most = Math.max(
        most,
        [...held.values()].reduce((sum, one) => sum + one, 0),
      ))
    for (const { type, kv } of events) {
      if (BigInt(kv.mod_revision) !== revision) count()
      revision = BigInt(kv.mod_revision)
      const decoded = type === 'Put' ? blocks.decode(kv.key.toString(), kv.value.toString()) : undefined
      held.set(kv.key.toString(), decoded?.ok === true ? heldIn(decoded.value) : 0)
    }
    count()
    seen = BigInt(header.revision)
  })
  // The last change of a block may be older than the newest revision.
  await keys.put(`${blocks.prefix}ipv4/block/10.9.0.0-30`, 'end')
  await until('the end of history', () => (seen > end ? true : undefined), 60_000)
  await watcher.cancel()
  await keys.delete(`${blocks.prefix}ipv4/block/10.9.0.0-30`)
  return most
}

/** What is counted as used, what is charged in all, and what is held. */
async function counts(): Promise<{ readonly used: number; readonly charged: number; readonly held: number }> {
  const used = Object.values(await keys.dump(quotas.prefix)).map((text) => (JSON.parse(text) as { used: number }).used)
  let charged = 0
  for (const [key, text] of Object.entries(await keys.dump(charges.prefix))) {
    const decoded = charges.decode(key, text)
    if (decoded.ok) for (const one of decoded.value.values()) charged += one.size
  }
  const { holders } = await readStoredState(etcd.endpoint)
  const held = [...holders.values()].filter((handle) => handle.startsWith('blue.')).length
  return { used: used.reduce((sum, one) => sum + one, 0), charged, held }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const one = await LimitedServer.start()
let other = await LimitedServer.start()
const pool = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'IPPool',
  metadata: { name: 'blue', labels: { team: 'blue' } },
  spec: { cidr: '10.1.0.0/22', blockSize: 28 },
}
await one.call('root', 'POST', '/apis/projectcalico.org/v3/ippools', pool)
await one.call('root', 'POST', policiesPath, { metadata: { name: 'blue' }, spec: policy })
const start = await keys.revision()

t.test('64 callers on two servers never hold more, also while one server is killed', async (t) => {
  const statuses = new Map<number | undefined, number>()
  const isOver = { value: false }
  const work = Array.from({ length: callers }, async (_, caller) => {
    const held: string[] = []
    for (let turn = 0; !isOver.value; turn++) {
      const server = (caller + turn) % 2 === 0 ? one : other
      const user = `blue-${caller}`
      const released = held.shift()
      const handle = `blue.${caller}.${turn}`
      const wish = { handle, ipv4: 3 + (caller % 3), node: `n${caller % 5}`, partial: caller % 2 === 0 }
      const answer =
        released === undefined
          ? await server.call(user, 'POST', '/ipam/v1/assign', wish)
          : await server.call(user, 'DELETE', `/ipam/v1/handles/${released}`)
      // If the server was killed, nobody knows whether the handle holds something.
      if (answer?.status === 201) held.push(handle)
      if (answer === undefined) {
        held.push(released ?? handle)
        await pause(50)
      }
      statuses.set(answer?.status, (statuses.get(answer?.status) ?? 0) + 1)
    }
  })
  await pause(2_000)
  await other.kill()
  await pause(500)
  other = await LimitedServer.start()
  await pause(2_000)
  await until('enough refusals', () => (statuses.get(403) ?? 0) > 50 || undefined)
  isOver.value = true
  await Promise.all(work)
  t.comment(JSON.stringify([...statuses]))
  t.ok((statuses.get(201) ?? 0) > 50, 'addresses were assigned')
  t.ok((statuses.get(403) ?? 0) > 50, 'and refused')
  t.ok((statuses.get(200) ?? 0) > 20, 'and released')
  t.strictSame(
    [...statuses.keys()].filter((status) => ![200, 201, 403, 404, undefined].includes(status)),
    [],
  )
  const most = await mostHeldSince(start)
  t.equal(most, limit, 'the quota was reached and never passed')
  const { used, charged, held } = await counts()
  t.strictSame([used, charged], [held, held], 'what is counted is what is held')
  t.strictSame(disagreements(await readStoredState(etcd.endpoint)), [])
})

t.test('the use is told, and the refusal says what is missing', async (t) => {
  for (let number = 0; ; number++) {
    const answer = await one.call('blue-x', 'POST', '/ipam/v1/assign', {
      handle: `blue.fill.${number}`,
      ipv4: 5,
      partial: true,
    })
    if (answer?.status !== 201) {
      t.match(answer, {
        status: 403,
        body: { reason: 'Forbidden', message: /^Exceeded quota: AccessPolicy blue, .*used: 100, limited: 100/ },
      })
      break
    }
  }
  const subject = { kind: 'Group', name: 'blue' }
  const usage = await other.call('blue-x', 'GET', '/ipam/v1/quotas')
  t.strictSame(usage?.body, { quotas: [{ policy: 'blue', rule: 0, subject, used: limit, limit }] })
  t.strictSame((await other.call('root', 'GET', '/ipam/v1/quotas'))?.body, {
    quotas: [{ policy: 'blue', rule: 0, subject, used: limit, limit }],
  })
  t.strictSame((await other.call('green-x', 'GET', '/ipam/v1/quotas'))?.body, { quotas: [] })
})

t.test('what Calico releases is given back by upkeep', async (t) => {
  const stored = await keys.dump(blocks.prefix)
  const [key = '', text = ''] = Object.entries(stored).find(([, value]) => value.includes('blue.')) ?? []
  const block = blocks.decode(key, text)
  t.ok(block.ok)
  if (!block.ok) return
  const held = block.value.allocations.flatMap((index, place) => (index === null ? [] : [ordinal(place)]))
  await keys.put(
    key,
    blocks.encode(releaseOrdinals(block.value, held, { nanoseconds: BigInt(Date.now()) * 1_000_000n }, 0).block),
  )
  const left = limit - held.length
  await until(
    'what was released to be given back',
    async () => ((await counts()).used === left ? true : undefined),
    60_000,
  )
  t.match(await counts(), { used: left, charged: left, held: left })
})

t.test('in the end nothing is left', async (t) => {
  const { holders } = await readStoredState(etcd.endpoint)
  for (const handle of new Set(holders.values())) {
    t.equal(
      (await (handle.length % 2 === 0 ? one : other).call('root', 'DELETE', `/ipam/v1/handles/${handle}`))?.status,
      200,
    )
  }
  t.strictSame(await counts(), { used: 0, charged: 0, held: 0 })
  t.strictSame([await keys.dump(quotas.prefix), await keys.dump(charges.prefix)], [{}, {}])
})
