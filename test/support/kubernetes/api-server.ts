import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { importPKCS8, SignJWT } from 'jose'
import { freePorts } from '../../../src/embedded-etcd/ports.ts'
import { findKubeApiserver } from '../../kubernetes/apiserver/binary.ts'
import { Authority } from '../authority.ts'
import { startEtcdCluster, temporaryFolder, type TestMember } from '../etcd.ts'
import type { Scope } from '../scope.ts'
import { until } from '../until.ts'
import { ApiClient } from './api-client.ts'

/** A caller of the API server, by a token that does not expire. */
export interface ApiUser {
  readonly name: string
  readonly groups: readonly string[]
  readonly token: string
}

/** How to start an API server. */
export interface ApiServerSettings {
  /** Flags of kube-apiserver, added to those of every test; of a flag that is given twice, it takes the last. */
  readonly flags?: readonly string[]
  /** Users beside `admin`, who may do everything. They may do what RBAC allows them. */
  readonly users?: readonly string[]
  /** The etcd below; a new one unless given. */
  readonly etcd?: TestMember
}

/** A real kube-apiserver on an etcd of its own, for one test. Both end with the test. */
export interface TestApiServer {
  /** Such as `https://127.0.0.1:20001`. It stays the same across restarts. */
  readonly url: string
  /** Has signed its certificate; certificates of clients that it signs are accepted, too. */
  readonly authority: Authority
  readonly etcd: TestMember
  /** As `admin`. */
  readonly client: ApiClient
  pid(): number
  /** The user of this name. Throws if it was not among the settings. */
  user(name: string): ApiUser
  /** A client for a user. */
  clientOf(name: string): ApiClient
  /** Writes a kubeconfig for a user, and returns its path. `url` is that of the API server, unless there is a proxy in between. */
  kubeconfig(name: string, url?: string): Promise<string>
  /**
   * Signs a token of a ServiceAccount, as the API server would, but for any time. The ServiceAccount must exist: its uid is in the token.
   */
  serviceAccountToken(namespace: string, name: string, seconds: number): Promise<string>
  /** What it has logged so far. */
  log(): string
  /** Ends it with SIGTERM. */
  stop(): Promise<void>
  /** Ends it with SIGKILL. */
  kill(): Promise<void>
  /** Starts it again, on the same port and etcd. Resolves when it is ready. */
  start(): Promise<void>
}

const issuer = 'https://kubernetes.default.svc'
/** Longer than a start takes on a busy machine, which is 3 to 10 s. */
const startTimeoutMs = 90_000

/** Starts an etcd and a kube-apiserver on it, and waits until that is ready. Throws with its log if it does not get so far. */
export async function startApiServer(
  t: Scope,
  { flags = [], users: names = [], etcd: given }: ApiServerSettings = {},
): Promise<TestApiServer> {
  const binary = findKubeApiserver()
  if (binary === undefined) throw new Error('There is no kube-apiserver: guard the test by skipWithoutKubeApiserver.')
  const folder = await temporaryFolder(t)
  const [etcd, authority, [port = 0]] = await Promise.all([
    given ?? startOneEtcd(t),
    Authority.create(t, 'kubernetes test CA'),
    freePorts(1),
  ])
  const url = `https://127.0.0.1:${port}`
  const users = [makeUser('admin', ['system:masters']), ...names.map((name) => makeUser(name))]
  const tokens = users.map(({ token, name, groups }) => `${token},${name},${name},"${groups.join(',')}"\n`)
  await writeFile(join(folder, 'tokens.csv'), tokens.join(''))
  const hosts = ['IP:127.0.0.1', 'DNS:localhost', 'DNS:kubernetes.default.svc']
  const serving = await authority.sign({ name: 'kube-apiserver', hosts })
  // Its key signs the tokens of ServiceAccounts; of the certificate, only the public key is used.
  const accounts = await authority.sign({ name: 'service-accounts' })
  const frontProxy = await authority.sign({ name: 'front-proxy-client' })
  const args = [
    `--etcd-servers=${etcd.endpoint}`,
    ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${port}`],
    ...[`--tls-cert-file=${serving.certificate}`, `--tls-private-key-file=${serving.key}`],
    ...['--endpoint-reconciler-type=none', '--service-cluster-ip-range=10.200.0.0/16'],
    // It waits for a controller that makes the ServiceAccount `default` of each namespace.
    '--disable-admission-plugins=ServiceAccount',
    ...[`--service-account-issuer=${issuer}`, `--service-account-key-file=${accounts.certificate}`],
    `--service-account-signing-key-file=${accounts.key}`,
    ...['--authorization-mode=RBAC', `--token-auth-file=${join(folder, 'tokens.csv')}`],
    `--client-ca-file=${authority.file}`,
    ...[`--requestheader-client-ca-file=${authority.file}`, '--requestheader-allowed-names=front-proxy-client'],
    ...['--requestheader-username-headers=X-Remote-User', '--requestheader-group-headers=X-Remote-Group'],
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    ...[`--proxy-client-cert-file=${frontProxy.certificate}`, `--proxy-client-key-file=${frontProxy.key}`],
    ...flags,
  ]
  const logFile = join(folder, 'kube-apiserver.log')
  const log = (): string => readFileSync(logFile, 'utf8')
  const user = (name: string): ApiUser => {
    const found = users.find((user) => user.name === name)
    if (found === undefined) throw new Error(`there is no user ${name}; name it in the settings`)
    return found
  }
  const clientOf = (name: string): ApiClient => new ApiClient(t, { url, ca: authority.pem, token: user(name).token })
  const client = clientOf('admin')

  let child: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  const start = async (): Promise<void> => {
    const output = openSync(logFile, 'a')
    const starting = spawn(binary, args, { cwd: folder, stdio: ['ignore', output, output] })
    closeSync(output)
    child = starting
    await until(
      'kube-apiserver is ready',
      async () => {
        if (starting.exitCode !== null) throw new Error(`kube-apiserver ended with ${starting.exitCode}:\n${log()}`)
        return (await client.isReady()) || undefined
      },
      startTimeoutMs,
    ).catch((cause: unknown) => {
      throw new Error(`kube-apiserver does not start:\n${log().slice(-4_000)}`, { cause })
    })
  }
  // It ends before its etcd, which was there earlier.
  t.teardown(() => end('SIGKILL'))
  await start()

  let kubeconfigs = 0
  return {
    url,
    authority,
    etcd,
    client,
    pid: () => child?.pid ?? 0,
    user,
    clientOf,
    kubeconfig: async (name, between = url) => {
      const file = join(folder, `kubeconfig-${kubeconfigs++}`)
      await writeFile(file, JSON.stringify(kubeconfigOf(user(name), between, authority.pem)), { mode: 0o600 })
      return file
    },
    serviceAccountToken: async (namespace, name, seconds) => {
      const account = await client.get(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`)
      const key = await importPKCS8(readFileSync(accounts.key, 'utf8'), 'ES256')
      const now = Math.floor(Date.now() / 1_000)
      const serviceaccount = { name, uid: account.metadata.uid }
      return new SignJWT({ 'kubernetes.io': { namespace, serviceaccount } })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(issuer)
        .setAudience(issuer)
        .setSubject(`system:serviceaccount:${namespace}:${name}`)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + seconds)
        .sign(key)
    },
    log,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    start,
  }
}

async function startOneEtcd(t: Scope): Promise<TestMember> {
  // The API server compacts by itself.
  const { members } = await startEtcdCluster(t, 1, ['--auto-compaction-retention=0'])
  const [member] = members
  if (member === undefined) throw new Error('a cluster of one etcd has no member')
  return member
}

function makeUser(name: string, groups: readonly string[] = []): ApiUser {
  return { name, groups, token: randomBytes(16).toString('hex') }
}

/** A kubeconfig, in JSON, which is YAML too. */
function kubeconfigOf({ name, token }: ApiUser, server: string, ca: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  }
}
