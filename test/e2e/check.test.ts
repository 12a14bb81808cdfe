import t from 'tap'
import { checkCodes } from '../../src/ipam/index.ts'
import { Account } from '../support/account.ts'
import { Corruption, endpoint, holderOfPod, keyOfEndpoint, resource } from '../support/corruption.ts'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

const nodes = ['node-0', 'node-1', 'node-2', 'node-3']
const stored = Object.fromEntries(
  nodes.map((name) => [`/calico/resources/v3/projectcalico.org/nodes/${name}`, resource('Node', name, {})]),
)
const { etcd, keys, clients, servers, call, callOther } = await startIppoold(t, { servers: 2, stored })
await createPool(call, 'live', { cidr: '10.60.0.0/22', blockSize: 28 })
await createPool(call, 'faulty', { cidr: '10.61.0.0/20', blockSize: 26 })

/** A finding, or what became of it. */
interface Found {
  readonly code: string
  readonly key: string
  readonly subject: string | null
  readonly message: string
  readonly repair: string
  readonly outcome?: string
}

interface Report {
  readonly revision: string
  readonly findings?: readonly Found[]
  readonly repairs?: readonly Found[]
  readonly isComplete: boolean
  readonly problem: string | null
}

async function check(server: typeof call = call): Promise<readonly Found[]> {
  const { status, body } = await server('GET', '/ipam/v1/check')
  const report = body as unknown as Report
  t.equal(status, 200)
  t.strictSame({ isComplete: report.isComplete, problem: report.problem }, { isComplete: true, problem: null })
  return report.findings ?? []
}

async function repair(query: string, body: object): Promise<readonly Found[]> {
  const answer = await callOther('POST', `/ipam/v1/check/repair${query}`, body)
  const report = answer.body as unknown as Report
  t.equal(answer.status, 200)
  t.ok(report.isComplete)
  return report.repairs ?? []
}

function names(found: readonly Found[]): readonly string[] {
  return found.map(({ code, key }) => `${code} ${key}`).sort()
}

/** The holder of each address, by the answers that callers got. */
const account = new Account()
let loads = 0

/** Callers that assign and release at both servers until `stop` is called. */
function startLoad(): { stop(): Promise<void> } {
  const load = loads++
  let isOver = false
  const callers = Array.from({ length: 16 }, async (_, caller) => {
    const client = clients[caller % clients.length] ?? clients[0]
    const wish = { node: nodes[caller % nodes.length], pools: ['live'] }
    if (client !== undefined)
      await account.work(client, `load-${String(load)}-${String(caller)}`, wish, 12, () => isOver)
  })
  const pods = Array.from({ length: 4 }, (_, pod) => livePods(`live-${String(load)}-${String(pod)}`, () => isOver))
  return {
    stop: async () => {
      isOver = true
      await Promise.all([...callers, ...pods])
    },
  }
}

/** Pods that come and go, one after the other, in the order in which Calico's plugin does it: the endpoint comes last, and goes first. */
async function livePods(name: string, isOver: () => boolean): Promise<void> {
  for (let number = 0; !isOver(); number++) {
    const timestamp = new Date().toISOString().replace('T', ' ').replace('Z', ' +0000 UTC')
    const { handle, attributes } = holderOfPod(name, (number % 16).toString(16), timestamp, 'node-1')
    const wish = { handle: `load-${name}-${handle}`, node: 'node-1', pools: ['live'], attributes }
    const { status, body } = await callOther('POST', '/ipam/v1/assign', wish)
    if (status !== 201) continue
    const [address] = body['addresses'] as readonly { readonly address: string }[]
    await keys.put(keyOfEndpoint(name), endpoint(name, 'node-1', [address?.address ?? '']))
    await keys.delete(keyOfEndpoint(name))
    await callOther('DELETE', `/ipam/v1/handles/${wish.handle}`)
  }
}

/** Everything but what the callers of the load change all the time. */
async function quietDump(): Promise<Readonly<Record<string, string>>> {
  const all = Object.entries(await keys.dump('/'))
  const isBusy = (key: string): boolean => /\/handle\/load-|\/block\/10\.60\.|\/shop\/live-|^\/ippoold\//.test(key)
  return Object.fromEntries(all.filter(([key]) => !isBusy(key)))
}

function changedKeys(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const all = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...all].filter((key) => before[key] !== after[key]).sort()
}

t.test('while callers are at work, nothing is found', async (t) => {
  const { stop } = startLoad()
  for (let round = 0; round < 4; round++) {
    const done = account.outcomes.done
    t.strictSame(await check(round % 2 === 0 ? call : callOther), [])
    t.strictSame(await repair('', {}), [])
    await until('the callers go on', () => (account.outcomes.done > done ? true : undefined))
  }
  await stop()
  t.strictSame(account.violations, [])
  t.strictSame(await check(), [])
})

t.test('whatever is wrong is found and repaired under load, and nothing else is touched', async (t) => {
  const { stop } = startLoad()
  const planted = await new Corruption(keys).plant()
  const expected = planted.flatMap(({ findings }) => findings).sort()
  const kinds = new Set(expected.map((line) => line.split(' ')[0]))
  t.strictSame([...kinds].sort(), Object.keys(checkCodes).sort(), 'every code is planted')

  const found = await check()
  t.strictSame(names(found), expected)
  for (const { message } of found) t.match(message, /\.$/, 'a sentence')

  const before = await quietDump()
  const byDefault = names(found.filter(({ repair }) => repair === 'Default'))
  t.strictSame(names(await repair('?dryRun=All', {})), byDefault)
  t.strictSame(changedKeys(before, await quietDump()), [], 'a dry run changes nothing')

  const outcomes = await repair('', {})
  t.strictSame(names(outcomes), byDefault)
  t.strictSame([...new Set(outcomes.map(({ outcome }) => outcome))], ['Repaired'])
  const after = await quietDump()
  t.strictSame(changedKeys(before, after), [...new Set(planted.flatMap(({ changed }) => changed))].sort())
  t.strictSame(names(await check()), names(found.filter(({ repair }) => repair !== 'Default')))

  const named = await repair('', { codes: ['NodeGone', 'OwnerUnknown'] })
  t.strictSame(named.map(({ code, outcome }) => `${code} ${String(outcome)}`).sort(), [
    'NodeGone Repaired',
    'OwnerUnknown Repaired',
  ])
  const released = await quietDump()
  const goneHandles = ['f-gone-1', 'f-gone-2'].map((id) => `/calico/ipam/v2/handle/${id}`)
  t.strictSame(changedKeys(after, released), [...named.map(({ key }) => key), ...goneHandles].sort())

  for (const { key } of await check()) await keys.delete(key)
  // What only the blocks that were deleted by hand had made right is wrong now.
  await repair('', {})
  t.strictSame(await check(), [])
  await stop()
  t.strictSame(account.violations, [])
  const state = await readStoredState(etcd.endpoint)
  t.strictSame(disagreements(state), [])
  t.strictSame(account.differences(new Map([...state.holders].filter(([, handle]) => handle.startsWith('load-')))), [])
})

t.test('a finding is one line for a client that asks for lines', async (t) => {
  await keys.put('/calico/ipam/v2/handle/alone', '{"block":{"10.61.9.0/26":1},"deleted":false}')
  const response = await fetch(`${servers[0]?.url ?? ''}/ipam/v1/check`, {
    headers: { accept: 'application/x-ndjson' },
  })
  t.equal(response.headers.get('content-type'), 'application/x-ndjson')
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  t.match(lines, [
    { code: 'HandleBlockMissing', key: '/calico/ipam/v2/handle/alone', subject: '10.61.9.0/26', repair: 'Default' },
    { revision: /^\d+$/, isComplete: true, problem: null },
  ])
})

t.test('only what can be repaired can be asked for', async (t) => {
  const { status, body } = await call('POST', '/ipam/v1/check/repair', { codes: ['Unreadable'] })
  t.equal(status, 422)
  t.match(body, { reason: 'Invalid' })
})
