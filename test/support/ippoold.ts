import type { Test } from 'tap'
import { EtcdKeys } from './etcd-keys.ts'
import { startEtcd, type TestEtcd } from './etcd.ts'
import { type Answer, HttpClient } from './http-client.ts'
import { startServer, type TestServer } from './server.ts'

/** The path of the pools. */
export const poolsPath = '/apis/projectcalico.org/v3/ippools'

/** Servers on one etcd that belongs to the test alone. */
export interface TestIppoold {
  readonly etcd: TestEtcd
  readonly keys: EtcdKeys
  readonly servers: readonly TestServer[]
  /** One for each server. */
  readonly clients: readonly HttpClient[]
  /** Calls the first server. */
  readonly call: HttpClient['call']
  /** Calls the last server. */
  readonly callOther: HttpClient['call']
}

/** How {@link startIppoold} starts. */
export interface IppooldSettings {
  readonly servers?: number
  /** The data in etcd before the first server starts. */
  readonly stored?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

/** Starts an etcd, then one server or several on it. */
export async function startIppoold(
  t: Test,
  { servers: count = 1, stored = {}, env = {} }: IppooldSettings = {},
): Promise<TestIppoold> {
  const etcd = await startEtcd(t)
  const keys = new EtcdKeys(t, etcd.endpoint)
  await keys.putAll(stored)
  const start = (): Promise<TestServer> => startServer(t, { env: { ETCD_ENDPOINTS: etcd.endpoint, ...env } })
  const servers = await Promise.all(Array.from({ length: count }, start))
  const clients = servers.map(({ url }) => new HttpClient(t, url))
  const call: HttpClient['call'] = (...request) => serverAt(clients, 0).call(...request)
  const callOther: HttpClient['call'] = (...request) => serverAt(clients, -1).call(...request)
  return { etcd, keys, servers, clients, call, callOther }
}

/** Creates a pool. Throws when it is refused. */
export async function createPool(call: HttpClient['call'], name: string, spec: object): Promise<Answer> {
  const answer = await call('POST', poolsPath, poolOf(name, spec))
  if (answer.status !== 201) throw new Error(`pool ${name} was not created: ${JSON.stringify(answer.body)}`)
  return answer
}

/** The object to send for a pool. */
export function poolOf(name: string, spec: object): object {
  return { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name }, spec }
}

/** One address as it is answered. */
export interface Allocation {
  readonly address: string
  readonly block: string
  readonly pool: string | null
  readonly node: string | null
  readonly handle: string
  readonly sequenceNumber: string
  readonly assignedAt: string | null
  readonly attributes: Readonly<Record<string, string>>
}

/** The addresses of an answer, with all that is said of them; none when it is a refusal. */
export function allocationsIn({ body }: Answer): readonly Allocation[] {
  return (body['addresses'] ?? []) as readonly Allocation[]
}

/** The addresses of an answer; none when it is a refusal. */
export function addressesIn(answer: Answer): readonly string[] {
  return allocationsIn(answer).map(({ address }) => address)
}

/** Does something that must leave every key as it is, and its revision too. */
export async function changesNothing<Outcome>(
  t: Test,
  keys: EtcdKeys,
  action: () => Promise<Outcome>,
): Promise<Outcome> {
  const before = await keys.changes()
  const outcome = await action()
  t.strictSame(await keys.changes(), before, 'nothing is written')
  return outcome
}

/** The reason and the fields of what is wrong, of an answer that is a `Status`. */
export function refusalIn({ status, body }: Answer): {
  readonly status: number
  readonly reason: unknown
  readonly fields: readonly string[]
} {
  const { causes = [] } = (body['details'] ?? {}) as { readonly causes?: readonly { readonly field: string }[] }
  return { status, reason: body['reason'], fields: causes.map(({ field }) => field) }
}

function serverAt(clients: readonly HttpClient[], index: number): HttpClient {
  const client = clients.at(index)
  if (client === undefined) throw new Error('there is no server')
  return client
}
