import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { policiesPath } from '../../support/access.ts'
import { temporaryFolder } from '../../support/etcd.ts'
import { type Answer, HttpClient } from '../../support/http-client.ts'
import { poolsPath, startIppoold, type TestIppoold } from '../../support/ippoold.ts'
import { newKey, startIssuer } from '../../support/issuer.ts'

/** The users of {@link startGuarded}, by their secrets in the token file. */
const users = {
  admin: ['root', 'ippoold:admins'],
  edit: ['eddy', 'ippoold:edit'],
  view: ['vera', 'ippoold:view'],
  blue: ['bob', 'blue'],
  nobody: ['nora', ''],
} as const

/** A user with a good credential. */
export type User = keyof typeof users

/** Credentials that are good for nothing. */
export const badCredentials = ['none', 'bad', 'expired', 'wrong audience'] as const

/** Credentials, good and bad. */
export type Credential = User | (typeof badCredentials)[number]

/** Servers that ask who calls. */
export interface Guarded extends TestIppoold {
  /** Calls a server, the first unless another is named, with a credential. */
  callAs(
    credential: Credential,
    method: Method,
    path: string,
    body?: object,
    contentType?: string,
    server?: number,
  ): Promise<Answer>
}

/** A method of HTTP. */
export type Method = Parameters<HttpClient['call']>[0]

/** What the group blue may do: see its pools, and use those for its handles. */
const bluePolicy = {
  apiVersion: 'ippoold.io/v1',
  kind: 'AccessPolicy',
  metadata: { name: 'blue' },
  spec: {
    subjects: [{ kind: 'Group', name: 'blue' }],
    rules: [
      { verbs: ['get', 'list', 'watch'], resources: ['ippools'], poolSelector: "team == 'blue'" },
      {
        verbs: ['assign', 'release', 'get', 'list', 'update'],
        resources: ['addresses', 'handles'],
        poolSelector: "team == 'blue'",
        handles: ['blue.*'],
      },
    ],
  },
}

/**
 * Starts servers with a token file, an issuer of JSON Web Tokens and AccessTokens. There are a pool `blue` and a pool `red`, each with an
 * address: 10.1.0.5 for `blue.1`, 10.2.0.5 for `red.1`. Users of the group blue may use the pool `blue` for handles that begin with `blue.`.
 */
export async function startGuarded(t: Test, servers = 1): Promise<Guarded> {
  const folder = await temporaryFolder(t)
  const tokenFile = join(folder, 'tokens.csv')
  const lines = Object.entries(users).map(([secret, [user, group]]) => `${secret},${user},uid-${user},"${group}"`)
  await writeFile(tokenFile, `${lines.join('\n')}\n`)
  const issuer = await startIssuer(t)
  issuer.keys = [await newKey('first')]
  const configFile = join(folder, 'authentication.yaml')
  await writeFile(configFile, JSON.stringify(configurationFor(issuer)))
  const env = { IPPOOLD_TOKEN_FILE: tokenFile, IPPOOLD_AUTH_CONFIG_FILE: configFile }
  const ippoold = await startIppoold(t, { servers, env })
  const now = Math.floor(Date.now() / 1_000)
  const claims = { sub: 'carol', aud: 'ippoold', iat: now - 7_200, exp: now + 3_600 }
  const tokens: Readonly<Partial<Record<Credential, string>>> = {
    bad: 'nonsense',
    expired: await issuer.sign({ ...claims, exp: now - 3_600 }),
    'wrong audience': await issuer.sign({ ...claims, aud: 'another' }),
  }
  let failures = 0
  // Who guesses is slowed down, so bad credentials come from ever other addresses.
  const newcomer = (): HttpClient => {
    failures++
    const url = ippoold.servers[0]?.url ?? ''
    return new HttpClient(t, url, 1, `127.1.${failures >> 8}.${failures & 255 || 1}`)
  }
  const callAs: Guarded['callAs'] = (credential, method, path, body, contentType, server = 0) => {
    const client = credential in users ? ippoold.clients[server] : newcomer()
    if (client === undefined) throw new Error('there is no such server')
    const token = tokens[credential] ?? credential
    return client.call(
      method,
      path,
      body,
      contentType,
      credential === 'none' ? {} : { authorization: `Bearer ${token}` },
    )
  }
  const create = async (path: string, body: object): Promise<void> => {
    const { status, body: answer } = await callAs('admin', 'POST', path, body)
    if (status !== 201) throw new Error(`POST ${path} was answered ${status}: ${JSON.stringify(answer)}`)
  }
  for (const [team = '', cidr, address] of [
    ['blue', '10.1.0.0/24', '10.1.0.5'],
    ['red', '10.2.0.0/24', '10.2.0.5'],
  ]) {
    await create(poolsPath, {
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: team, labels: { team } },
      spec: { cidr },
    })
    await create('/ipam/v1/assign', { handle: `${team}.1`, addresses: [address], attributes: { team } })
  }
  await create(policiesPath, bluePolicy)
  return { ...ippoold, callAs }
}

function configurationFor({ url, authority }: { readonly url: string; readonly authority: string }): object {
  return {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: { url, audiences: ['ippoold'], certificateAuthority: authority },
        claimMappings: { username: { claim: 'sub', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: 'oidc:' } },
      },
    ],
  }
}
