import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { EtcdKeys } from './etcd-keys.ts'
import { startEtcd, temporaryFolder } from './etcd.ts'
import { type Answer, HttpClient } from './http-client.ts'
import { startServer, type TestServer } from './server.ts'

/** The path of the policies. */
export const policiesPath = '/apis/ippoold.io/v1/accesspolicies'

/** Servers that ask who calls, on one etcd. */
export interface GuardedServers {
  readonly servers: readonly TestServer[]
  readonly keys: EtcdKeys
  /** Sends a request to a server as a user. */
  as(user: string, server?: number): HttpClient['call']
}

/** A token of a user of {@link startGuarded}. */
export function tokenOf(user: string): string {
  return `token-of-${user}`
}

/** Writes a token file for these users, each with its groups, and the admin `root`. Returns the path. */
export async function writeTokens(t: Test, users: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const file = join(await temporaryFolder(t), 'tokens.csv')
  const all = { root: ['ippoold:admins'], ...users }
  const lines = Object.entries(all).map(([user, groups]) => `${tokenOf(user)},${user},${user},"${groups.join(',')}"\n`)
  await writeFile(file, lines.join(''))
  return file
}

/**
 * Starts servers that know these users by a token file, each with its groups; `root` is an admin. `endpoints` are those of etcd as the
 * servers see it, one for each server.
 */
export async function startGuarded(
  t: Test,
  users: Readonly<Record<string, readonly string[]>>,
  endpointsOf: (endpoint: string) => Promise<readonly string[]>,
): Promise<GuardedServers> {
  const etcd = await startEtcd(t)
  const file = await writeTokens(t, users)
  const endpoints = await endpointsOf(etcd.endpoint)
  const servers = await Promise.all(
    endpoints.map((endpoint) => startServer(t, { env: { ETCD_ENDPOINTS: endpoint, IPPOOLD_TOKEN_FILE: file } })),
  )
  const clients = servers.map(({ url }) => new HttpClient(t, url))
  const as: GuardedServers['as'] = (user, server = 0) => {
    const client = clients[server]
    if (client === undefined) throw new Error('there is no such server')
    return (method, path, body, type, headers) =>
      client.call(method, path, body, type, { ...headers, authorization: `Bearer ${tokenOf(user)}` })
  }
  return { servers, keys: new EtcdKeys(t, etcd.endpoint), as }
}

/** Creates a policy, or throws. */
export async function createPolicy(call: HttpClient['call'], name: string, spec: object): Promise<Answer> {
  const answer = await call('POST', policiesPath, { metadata: { name }, spec })
  if (answer.status !== 201) throw new Error(`policy ${name} was not created: ${JSON.stringify(answer.body)}`)
  return answer
}
