import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Etcd3, type IRequestOp } from 'etcd3'
import { newSecret } from '../src/authentication/index.ts'
import { accessPolicyKey, accessTokenKey } from '../src/model/index.ts'
import { type Measurement, measureRequests } from './measure.ts'
import { type BenchServer, createPool, processorMs, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable, type Row, saveResults } from './results.ts'

/**
 * What knowing the caller costs an assign of one address from 64 callers: by an AccessToken and a policy that allows one of twenty pools,
 * and by a policy with a quota that is never reached, beside a server on the same etcd that asks nobody. Then the same with 10,000 policies
 * and 100,000 tokens. All are measured in turns in the same run, because only the ratios mean something.
 */

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '6000' },
    rounds: { type: 'string', default: '5' },
    policies: { type: 'string', default: '10000' },
    tokens: { type: 'string', default: '100000' },
  },
})
const callers = 64
const count = Number(options.count)
const valuesPerTransaction = 100
const rule = { verbs: ['assign'], resources: ['addresses'], poolSelector: "team == 'blue'" }
const policies = {
  blue: [
    { ...rule, handles: ['blue.*'] },
    { verbs: ['get', 'list'], resources: ['*'], poolSelector: "team == 'blue'" },
    rule,
  ],
  limited: [{ ...rule, maxAddresses: 1_000_000_000 }],
}

/** Who assigns: where, and with what secret. */
interface Caller {
  readonly server: BenchServer
  readonly secret: string | undefined
}

/** What some assigns took. */
interface Cost extends Measurement {
  /** Of the server, for one assign. */
  readonly processorUs: number
}

const etcd = await startBenchEtcd()
const client = new Etcd3({ hosts: etcd.endpoint })
const rows: Row[] = []
const open = await startBenchServer({ ETCD_ENDPOINTS: etcd.endpoint })
try {
  for (let index = 0; index < 20; index++) {
    await createPool(
      open.url,
      `pool${index}`,
      `${10 + index}.0.0.0/12`,
      {},
      { team: index === 3 ? 'blue' : `team${index}` },
    )
  }
  const secrets = { blue: await storeToken('blue'), limited: await storeToken('limited') }
  for (const [name, rules] of Object.entries(policies)) await storePolicies([[name, rules]])
  await compare('ten', secrets)
  const many = Array.from({ length: Number(options.policies) }, (_, index) => [`other${index}`, policies.blue] as const)
  await storePolicies(many)
  await storeTokens(Number(options.tokens))
  await compare('many', secrets)
} finally {
  await open.stop()
  client.close()
  await etcd.stop()
}
printTable(rows)
await saveResults('rights', rows)

/** Measures callers in turns, beside those of the server that asks nobody. `objects` says how many policies and tokens there are. */
async function compare(objects: string, secrets: Readonly<Record<string, string>>): Promise<void> {
  const tokenFile = join(tmpdir(), `ippoold-bench-tokens-${process.pid}.csv`)
  await writeFile(tokenFile, 'root,root,root,"ippoold:admins"\n')
  const begin = performance.now()
  const closed = await startBenchServer({ ETCD_ENDPOINTS: etcd.endpoint, IPPOOLD_TOKEN_FILE: tokenFile })
  const startMs = performance.now() - begin
  const all: Readonly<Record<string, Caller>> = {
    'nobody is asked': { server: open, secret: undefined },
    'token file, admin': { server: closed, secret: 'root' },
    'token, policy': { server: closed, secret: secrets['blue'] },
    'token, quota': { server: closed, secret: secrets['limited'] },
  }
  const costs = new Map(Object.keys(all).map((name): [string, Cost[]] => [name, []]))
  try {
    for (const caller of Object.values(all)) await measure(caller)
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const [name, caller] of Object.entries(all)) costs.get(name)?.push(await measure(caller))
    }
  } finally {
    await closed.stop()
  }
  const baseline = costs.get('nobody is asked') ?? []
  for (const [caller, measured] of costs) {
    const perSecond = median(measured, (cost) => cost.perSecond)
    const processorUs = median(measured, (cost) => cost.processorUs)
    rows.push({
      objects,
      'ready ms': Math.round(startMs),
      caller,
      'assigns/s': perSecond,
      'x rate': perSecond / median(baseline, (cost) => cost.perSecond),
      'µs of CPU': processorUs,
      'x CPU': processorUs / median(baseline, (cost) => cost.processorUs),
      'p50 ms': median(measured, (cost) => cost.p50Ms),
    })
  }
}

async function measure({ server, secret }: Caller): Promise<Cost> {
  const headers: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
  const path = '/ipam/v1/assign'
  const before = await processorMs(server.pid)
  const measured = await measureRequests(server.url, callers, count, () => ({
    method: 'POST',
    path,
    headers,
    body: {},
  }))
  return { ...measured, processorUs: (((await processorMs(server.pid)) - before) * 1_000) / count }
}

async function storePolicies(all: readonly (readonly [name: string, rules: readonly object[]])[]): Promise<void> {
  await store(
    all.map(([name, rules]) => {
      const spec = { subjects: [{ kind: 'Group', name }], rules }
      return [accessPolicyKey(name).text, { kind: 'AccessPolicy', metadata: metadataOf(name), spec }]
    }),
  )
}

/** Stores a token for a user of the same name in the group of that name; returns the secret. */
async function storeToken(name: string): Promise<string> {
  const { text, hash } = newSecret()
  await store([tokenOf(name, hash)])
  return text
}

async function storeTokens(howMany: number): Promise<void> {
  await store(Array.from({ length: howMany }, (_, index) => tokenOf(`other${index}`, newSecret().hash)))
}

function tokenOf(name: string, tokenSHA256: string): readonly [key: string, object: object] {
  const spec = { user: name, groups: [name] }
  return [accessTokenKey(name).text, { kind: 'AccessToken', metadata: metadataOf(name), spec, status: { tokenSHA256 } }]
}

function metadataOf(name: string): object {
  return { name, uid: `00000000-0000-4000-8000-${name.padStart(12, '0')}`, creationTimestamp: '2026-01-01T00:00:00Z' }
}

async function store(objects: readonly (readonly [key: string, object: object])[]): Promise<void> {
  for (let start = 0; start < objects.length; start += valuesPerTransaction) {
    const success: IRequestOp[] = objects.slice(start, start + valuesPerTransaction).map(([key, object]) => ({
      request_put: {
        key: Buffer.from(key),
        value: Buffer.from(JSON.stringify({ apiVersion: 'ippoold.io/v1', ...object })),
      },
    }))
    await client.kv.txn({ success })
  }
}

function median<Item>(items: readonly Item[], figure: (item: Item) => number): number {
  return items.map(figure).sort((left, right) => left - right)[Math.floor(items.length / 2)] ?? NaN
}
