import t from 'tap'
import type { Test } from 'tap'
import { openEtcdStore } from '../../src/datastore/etcd/index.ts'
import { declare, Scan, type Store } from '../../src/datastore/index.ts'
import { findConnection, openKubernetesStore } from '../../src/datastore/kubernetes/index.ts'
import { buildServer } from '../../src/http/index.ts'
import {
  affinities,
  annexes,
  BlockIndex,
  blocks,
  accessPolicies,
  builtInMarks,
  ChargeIndex,
  charges,
  clusterInformations,
  handles,
  ipamConfigs,
  nodes,
  pools,
  quotas,
  reservations,
  storedAnswers,
  virtualAffinities,
  workloadEndpoints,
} from '../../src/model/index.ts'
import { answerOnly } from '../../src/plan/index.ts'
import { skipWithoutKubeApiserver } from '../kubernetes/apiserver/binary.ts'
import { startEtcd } from '../support/etcd.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { installCalico } from '../support/kubernetes/calico-cluster.ts'
import { MemoryStore, ObjectServer } from '../support/memory-store/index.ts'
import { until } from '../support/until.ts'

/**
 * What callers do, on every store: etcd, which has transactions, and one in memory that has none. Nothing above the store knows which
 * it is.
 */

const deadlineMs = 30_000
const limits = { batchesInFlight: 16, batchOperationsMax: 128, queueLengthMax: 1_000, deadlineMs, expirySeconds: 60 }
const affinitiesPath = '/apis/projectcalico.org/v3/blockaffinities'
const poolsPath = '/apis/projectcalico.org/v3/ippools'

/** What a request was answered. */
interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** One address as it is answered. */
interface Allocation {
  readonly address: string
  readonly handle: string
  readonly sequenceNumber: string
}

/** One ippoold: a store, and the HTTP server on it. */
interface Server {
  readonly store: Store
  call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Answer>
}

/** Data that several servers share. */
interface Cluster {
  /** Whether the writes of a plan are stored together. */
  readonly isAtomic: boolean
  /** Whether the status of a pool is stored by a request of its own, which is a change, too. */
  readonly isStatusApart?: boolean
  /** Another server on the same data. */
  start(t: Test): Promise<Server>
  /** How many swaps were lost; undefined when nobody counts. */
  readonly lostRaces?: () => number
}

async function startServer(t: Test, open: (index: BlockIndex) => Promise<Store>): Promise<Server> {
  const index = new BlockIndex()
  const store = await open(index)
  let uids = 0
  let last = 0n
  const app = buildServer({
    store,
    blocks: index,
    now: () => {
      const nanoseconds = BigInt(Date.now()) * 1_000_000n
      last = nanoseconds > last ? nanoseconds : last + 1n
      return { nanoseconds: last }
    },
    newSecret: () => ({ text: 'secret', hash: 'hash' }),
    newUid: () => `00000000-0000-4000-8000-${String(uids++).padStart(12, '0')}`,
    version: '0.1.0',
    metrics: { read: () => Promise.reject(new Error('There are no metrics here.')) },
    bodyLimitBytes: 1024 * 1024,
    deadlineMs,
    callsMax: 1_000,
    logger: false,
  })
  t.teardown(async () => {
    await app.close()
    await store.close()
  })
  return {
    store,
    call: async (method, url, body, headers = {}) => {
      const payload = body === undefined ? {} : { payload: body }
      const answer = await app.inject({ method, url, headers, ...payload })
      return { status: answer.statusCode, body: answer.json() }
    },
  }
}

function declarationsWith(index: BlockIndex) {
  return [
    declare(blocks, index),
    ...[affinities, virtualAffinities].map((family) => declare(family)),
    declare(handles),
    declare(ipamConfigs),
    declare(pools),
    declare(reservations),
    declare(nodes),
    declare(annexes),
    declare(workloadEndpoints),
    declare(clusterInformations),
    declare(accessPolicies),
    declare(builtInMarks),
    declare(storedAnswers),
    declare(quotas),
    declare(charges, new ChargeIndex()),
  ]
}

async function etcdCluster(t: Test): Promise<Cluster> {
  const { endpoint } = await startEtcd(t)
  return {
    isAtomic: true,
    start: (t) =>
      startServer(t, (index) =>
        openEtcdStore({
          connection: { endpoints: [endpoint] },
          declarations: declarationsWith(index),
          limits: { ...limits, batchesInFlight: 2 },
        }),
      ),
  }
}

async function kubernetesCluster(t: Test): Promise<Cluster> {
  const server = await startApiServer(t)
  await installCalico(server.client, 'crd.projectcalico.org')
  const connection = await findConnection(await server.kubeconfig('admin'), {})
  return {
    isAtomic: false,
    isStatusApart: true,
    start: (t) =>
      startServer(t, (index) =>
        openKubernetesStore({ connection, namespace: 'default', declarations: declarationsWith(index), limits }),
      ),
  }
}

function memoryCluster(): Promise<Cluster> {
  const server = new ObjectServer()
  return Promise.resolve({
    isAtomic: false,
    start: (t: Test) =>
      startServer(t, (index) => Promise.resolve(new MemoryStore(server, declarationsWith(index), deadlineMs))),
    lostRaces: () => server.lostSwaps,
  })
}

function poolOf(name: string, spec: object, metadata: object = {}): object {
  return { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name, ...metadata }, spec }
}

async function createPool({ call }: Server, name: string, spec: object): Promise<Answer> {
  const answer = await call('POST', poolsPath, poolOf(name, spec))
  if (answer.status !== 201) throw new Error(`pool ${name} was not created: ${JSON.stringify(answer.body)}`)
  return answer
}

function allocationsIn({ body }: Answer): readonly Allocation[] {
  return (body['addresses'] ?? []) as readonly Allocation[]
}

function addressesIn(answer: Answer): readonly string[] {
  return allocationsIn(answer).map(({ address }) => address)
}

/** A member of an object's metadata. */
function metadataOf({ body }: Answer): Readonly<Record<string, unknown>> {
  return body['metadata'] as Readonly<Record<string, unknown>>
}

/** Whether the spec is the same before and after a change. */
function isStatusChange(before: string | undefined, after: string | undefined): boolean {
  if (before === undefined || after === undefined) return false
  const specs = [before, after].map((text) => JSON.stringify((JSON.parse(text) as { readonly spec?: unknown }).spec))
  return specs[0] === specs[1]
}

/** What is wrong with the stored data, as `GET /ipam/v1/check` finds it. */
async function findings({ call }: Server): Promise<readonly { readonly code: string }[]> {
  return (await call('GET', '/ipam/v1/check')).body['findings'] as readonly { readonly code: string }[]
}

/** States that a store without transactions passes through, and may leave: indexes that say too much, claims that are half-way. */
const momentary = [
  'HandleCountTooHigh',
  'HandleWithoutAddresses',
  'HandleBlockMissing',
  'AffinityUnfinished',
  'AffinityWithoutBlock',
  'AffinityOfOther',
]

const stores: readonly {
  readonly name: string
  readonly open: (t: Test) => Promise<Cluster>
  readonly skip?: string | false
}[] = [
  { name: 'etcd', open: etcdCluster },
  { name: 'a store without transactions', open: memoryCluster },
  { name: 'an API server of Kubernetes', open: kubernetesCluster, skip: skipWithoutKubeApiserver() },
]

/** Every key that a plan could write, with the revision of its last change. */
async function revisionsOfKeys(store: Store): Promise<readonly string[]> {
  const families = [pools, blocks, affinities, virtualAffinities, handles, annexes, storedAnswers]
  const pages = await Promise.all(families.map((family) => store.page<unknown>(family)))
  return pages.flatMap(({ entries }) => entries.map(({ key, revision }) => `${key} ${revision}`))
}

for (const { name, open, skip = false } of stores) {
  t.test(`on ${name}`, { skip }, async (t) => {
    const cluster = await open(t)
    const [server, other] = [await cluster.start(t), await cluster.start(t)]
    const { call } = server

    t.test('addresses are assigned, read and released, by address and by handle', async (t) => {
      await createPool(server, 'given', { cidr: '10.90.0.0/24', blockSize: 29 })
      const given = await call('POST', '/ipam/v1/assign', { handle: 'h1', node: 'n1', pools: ['given'], ipv4: 12 })
      t.equal(given.status, 201)
      const addresses = addressesIn(given)
      t.equal(new Set(addresses).size, 12, 'of two blocks at the least')
      t.strictSame(addressesIn(await other.call('GET', '/ipam/v1/handles/h1')), [...addresses])
      const { items } = (await other.call('GET', affinitiesPath)).body
      const claim = { spec: { node: 'n1', state: 'confirmed', deleted: false } }
      t.match(items, [claim, claim])

      const [first, second] = allocationsIn(given)
      if (first === undefined || second === undefined) throw new Error('Twelve addresses were assigned.')
      const taken = await other.call('POST', '/ipam/v1/assign', { handle: 'h2', addresses: [first.address] })
      t.match([taken.status, taken.body['reason']], [409, 'AddressInUse'])
      const released = await other.call('POST', '/ipam/v1/release', {
        addresses: [first, { ...second, sequenceNumber: '1' }, { address: '10.90.0.250' }].map(
          ({ address, ...rest }) => ({
            address,
            ...('sequenceNumber' in rest ? { sequenceNumber: rest.sequenceNumber } : {}),
          }),
        ),
      })
      t.match(released.body, {
        released: [first.address],
        unallocated: ['10.90.0.250'],
        failed: [{ address: second.address, reason: 'SequenceNumberMismatch' }],
      })
      t.equal((await call('POST', '/ipam/v1/assign', { handle: 'h2', addresses: [first.address] })).status, 201)
      const all = await call('DELETE', '/ipam/v1/handles/h1')
      t.strictSame([...(all.body['released'] as string[])].sort(), addresses.slice(1).sort())
      t.equal((await other.call('GET', '/ipam/v1/handles/h1')).status, 404)
      t.strictSame(addressesIn(await call('GET', '/ipam/v1/handles/h2')), [first.address])
      t.strictSame(await findings(server), [])
    })

    t.test('a repeated call is answered as before, and carried out once', async (t) => {
      const request = { handle: 'repeated', pools: ['given'], ipv4: 3 }
      const headers = { 'idempotency-key': 'key-1' }
      const answers = await Promise.all(
        [server, other, server].map(({ call }) => call('POST', '/ipam/v1/assign', request, headers)),
      )
      t.strictSame(answers[1], answers[0])
      t.strictSame(answers[2], answers[0])
      t.strictSame(addressesIn(await call('GET', '/ipam/v1/handles/repeated')).length, 3)
    })

    t.test('a refusal and a dry run write nothing', async (t) => {
      await createPool(server, 'small', { cidr: '10.90.1.0/29', blockSize: 29 })
      const wish = { handle: 'large', pools: ['small'], ipv4: 9 }
      const before = await revisionsOfKeys(server.store)
      t.match(await call('POST', '/ipam/v1/assign', wish), { status: 409, body: { reason: 'InsufficientAddresses' } })
      t.equal((await call('POST', '/ipam/v1/assign?dryRun=All', { ...wish, ipv4: 8 })).status, 201)
      t.strictSame(await revisionsOfKeys(server.store), before)
      t.equal((await call('GET', '/ipam/v1/handles/large')).status, 404)
    })

    t.test('a pool is created, replaced and deleted', async (t) => {
      const created = await createPool(server, 'kept', { cidr: '10.91.0.0/24' })
      const path = `${poolsPath}/kept`
      t.strictSame(await other.call('GET', path), { status: 200, body: created.body })
      t.equal((await call('POST', poolsPath, poolOf('kept', { cidr: '10.92.0.0/24' }))).status, 409)
      t.equal((await call('POST', poolsPath, poolOf('overlap', { cidr: '10.91.0.0/25' }))).status, 422)
      const { resourceVersion, uid } = metadataOf(created)
      const change = poolOf('kept', { cidr: '10.91.0.0/24', natOutgoing: true }, { resourceVersion, uid })
      const replaced = await other.call('PUT', path, change)
      t.equal(replaced.status, 200)
      t.match(metadataOf(replaced), { uid, generation: 2, resourceVersion: /^\d+$/ })
      t.not(metadataOf(replaced)['resourceVersion'], resourceVersion)
      t.strictSame(await call('GET', path), { status: 200, body: replaced.body })
      t.match(await call('PUT', path, change), { status: 409, body: { reason: 'Conflict' } })
      t.equal((await call('DELETE', path)).status, 200)
      t.equal((await other.call('GET', path)).status, 404)
      t.equal((await call('POST', '/ipam/v1/assign', { pools: ['kept'] })).status, 422)
    })

    t.test('of two pools that overlap, created at once, one is refused', async (t) => {
      for (let round = 0; round < 5; round++) {
        const cidr = `10.93.${round}.0/24`
        const create = (one: Server, name: string) => one.call('POST', poolsPath, poolOf(`${name}-${round}`, { cidr }))
        const answers = await Promise.all([create(server, 'left'), create(other, 'right'), create(server, 'middle')])
        t.strictSame(answers.map(({ status }) => status).sort(), [201, 422, 422])
      }
    })

    t.test('changes are followed in order, each once, with the value before', async (t) => {
      const { revision } = await server.store.page(pools, { limit: 1 })
      const created = await createPool(server, 'followed', { cidr: '10.94.0.0/24' })
      const follower = await other.store.follow([pools], revision)
      const path = `${poolsPath}/followed`
      const spec = { cidr: '10.94.0.0/24', disabled: true }
      const { resourceVersion, uid } = metadataOf(created)
      const replaced = await call('PUT', path, poolOf('followed', spec, { resourceVersion, uid }))
      await call('DELETE', path)
      const seen: [string | undefined, string | undefined, string][] = []
      await until('three changes', async () => {
        for (const { before, text, revision } of follower.take(10)) {
          const last = cluster.isStatusApart === true && isStatusChange(before, text) ? seen.pop() : undefined
          seen.push([last === undefined ? before : last[0], text, String(revision)])
        }
        await follower.wait(100)
        return seen.length >= 3 || undefined
      })
      const [first, second, third] = seen
      t.strictSame([first?.[0], first?.[2]], [undefined, resourceVersion])
      t.strictSame([second?.[0], second?.[2]], [first?.[1], metadataOf(replaced)['resourceVersion']])
      t.match(second?.[1], /"disabled":true/)
      t.strictSame([third?.[0] === undefined, third?.[1]], [false, undefined])
      t.equal(seen.length, 3)
      t.ok((await follower.proven()) !== undefined)
      follower.stop()
    })

    t.test('keys are read one by one, as many as wanted, all of one revision', async (t) => {
      await createPool(server, 'keys', { cidr: '10.97.0.0/22', blockSize: 30 })
      const wish = { handle: 'keys', node: 'n', pools: ['keys'], ipv4: 4, maxBlocksPerNode: 1_000 }
      for (let round = 0; round < 150; round++) await call('POST', '/ipam/v1/assign', wish)
      const { entries: all } = await server.store.page(blocks)
      const keys = all.map(({ key }) => key).filter((key) => key.includes('/10.97.'))
      t.equal(keys.length, 150)
      const [first = ''] = keys
      const asked = [...keys.slice(1), `${first}0`].sort()
      const read = await server.store.page(blocks, { keys: asked })
      t.strictSame(
        read.entries.map(({ key }) => key),
        keys.slice(1),
        'a key that is not there is left out',
      )
      t.equal(read.remaining, 0)
      t.equal((await call('DELETE', '/ipam/v1/handles/keys')).status, 200)
      t.strictSame((await other.store.page(blocks, { keys: asked, revision: read.revision })).entries, read.entries)
    })

    t.test('pages are of one revision, whatever happens meanwhile', async (t) => {
      for (const n of [1, 2, 3, 4, 5]) await createPool(server, `page-${n}`, { cidr: `10.95.${n}.0/24` })
      const names = ({ body }: Answer) =>
        (body['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)
      const all = names(await call('GET', poolsPath))
      const scan = await Scan.begin(server.store, pools)
      let page = await call('GET', `${poolsPath}?limit=2`)
      const listed = [...names(page)]
      await call('DELETE', `${poolsPath}/page-5`)
      await createPool(other, 'page-0', { cidr: '10.95.0.0/24' })
      for (let token = metadataOf(page)['continue']; typeof token === 'string' && token !== ''; ) {
        page = await other.call('GET', `${poolsPath}?limit=2&continue=${encodeURIComponent(token)}`)
        listed.push(...names(page))
        token = metadataOf(page)['continue']
      }
      t.strictSame(listed, all)
      const scanned: string[] = []
      for await (const entries of scan.entries(pools))
        scanned.push(...entries.map(({ key }) => key.split('/').at(-1) ?? ''))
      t.strictSame(scanned, all)
      const cuts = ['aaa', 'page-2', 'page-25', 'page-4', 'zzz'].map((name) => `${pools.prefix}${name}`)
      for (const after of [undefined, 'aaaa', 'page-2', 'page-3', 'zzzz']) {
        const options = { cuts, ...(after !== undefined && { after: `${pools.prefix}${after}` }) }
        const cut: string[] = []
        for await (const entries of scan.entries(pools, options))
          cut.push(...entries.map(({ key }) => key.split('/').at(-1) ?? ''))
        t.strictSame(
          cut,
          all.filter((name) => name > (after ?? '')),
        )
      }
      t.not(names(await call('GET', poolsPath)).join(), all.join())
    })

    t.test('a task is led by one server, which its plans prove', async (t) => {
      const told: boolean[] = []
      const [here, there] = [server, other].map(({ store }) =>
        store.candidate({ task: 'test', seconds: 10, changed: (isLeading) => told.push(isLeading) }),
      )
      if (here === undefined || there === undefined) throw new Error('There are two candidates.')
      here.start()
      await until('it to lead', () => here.isLeading || undefined)
      there.start()
      const proofs = await Promise.all(
        [
          { store: server.store, leadership: here },
          { store: other.store, leadership: there },
        ].map(({ store, leadership }) => store.submit((view) => answerOnly(leadership.isProved(view)))),
      )
      t.strictSame(
        proofs.map(({ answer }) => answer),
        [true, false],
      )
      await there.stop()
      await here.stop()
      t.notOk(there.isLeading)
      t.equal(told[0], true)
    })

    t.test('concurrent callers never get an address that another one has', async (t) => {
      await createPool(server, 'busy', { cidr: '10.96.0.0/27', blockSize: 29 })
      /** Who has an address, by what callers were told. */
      const holders = new Map<string, string>()
      const twice: string[] = []
      const counts = { assigned: 0, refused: 0, released: 0 }
      const work = async (caller: number): Promise<void> => {
        const { call } = caller % 2 === 0 ? server : other
        const handle = `caller-${caller}`
        for (let round = 0; round < 12; round++) {
          const node = caller % 3 === 0 ? {} : { node: `node-${caller % 4}` }
          const ipv4 = 1 + ((caller + round) % 5) * 2
          const given = await call('POST', '/ipam/v1/assign', { handle, pools: ['busy'], ipv4, ...node })
          if (given.status === 409) counts.refused++
          else if (given.status !== 201) throw new Error(JSON.stringify(given.body))
          for (const address of addressesIn(given)) {
            counts.assigned++
            const holder = holders.get(address)
            if (holder !== undefined) twice.push(`${address}: ${holder} and ${handle}`)
            holders.set(address, handle)
          }
          const mine = [...holders].flatMap(([address, holder]) => (holder === handle ? [address] : []))
          const isAll = round % 4 === 3
          const back = isAll ? mine : mine.slice(0, 3)
          if (back.length === 0) continue
          // What is on its way back may be given to the next at any time.
          for (const address of back) holders.delete(address)
          const released = isAll
            ? await call('DELETE', `/ipam/v1/handles/${handle}`)
            : await call('POST', '/ipam/v1/release', { addresses: back.map((address) => ({ address, handle })) })
          // A release that has stored a part, and is planned again, finds that part free or in other hands.
          const isReleasedBefore = !cluster.isAtomic && released.status === 409
          if (released.status !== 200 && !isReleasedBefore) throw new Error(JSON.stringify(released.body))
          counts.released += back.length
        }
      }
      await Promise.all(Array.from({ length: 16 }, (_, caller) => work(caller)))
      t.strictSame(twice, [], 'no address has two holders')
      t.comment(JSON.stringify({ ...counts, lostRaces: cluster.lostRaces?.() }))
      t.ok(
        counts.assigned > 200 && counts.released > 200 && counts.refused > 0,
        'callers contend for too few addresses',
      )
      if (cluster.lostRaces !== undefined) t.ok(cluster.lostRaces() > 100, 'they really interleave')

      const stored = await call('GET', '/ipam/v1/addresses?pool=busy&limit=1000')
      const held = allocationsIn(stored).map(({ address, handle }) => `${address} ${handle}`)
      t.strictSame(
        [...held].sort(),
        [...holders].map(([address, holder]) => `${address} ${holder}`).sort(),
        'what callers were told is what is stored',
      )
      const wrong = (await findings(other)).filter(({ code }) => cluster.isAtomic || !momentary.includes(code))
      t.strictSame(wrong, [], 'nothing is wrong that the next plans do not mend')
      for (let caller = 0; caller < 16; caller++) await call('DELETE', `/ipam/v1/handles/caller-${caller}`)
      t.strictSame(addressesIn(await call('GET', '/ipam/v1/addresses?pool=busy')), [])
      t.equal((await call('DELETE', `${poolsPath}/busy`)).status, 200)
    })
  })
}
