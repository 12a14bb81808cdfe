import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Authority } from '../../support/authority.ts'
import { startEtcd, temporaryFolder } from '../../support/etcd.ts'
import { ippoolShell } from '../../support/ippool.ts'
import { startServer } from '../../support/server.ts'

/** Which server is called, and as whom: contexts in kubectl's format, flags, variables, sockets. */

t.setTimeout(240_000)

const authority = await Authority.create(t)
const stranger = await Authority.create(t, 'another CA')
const { certificate, key } = await authority.sign({ name: 'ipam', hosts: ['DNS:ipam.example.org'] })
const alice = await authority.sign({ name: 'alice', organizations: ['net'] })
const folder = await temporaryFolder(t)
const socket = join(folder, 'socket')
const tokens = join(folder, 'tokens.csv')
await writeFile(tokens, 'the-token-of-bob-1,bob,1,ippoold:admins\n')
const { endpoint } = await startEtcd(t)
const { url } = await startServer(t, {
  env: {
    ETCD_ENDPOINTS: endpoint,
    IPPOOLD_TLS_CERT_FILE: certificate,
    IPPOOLD_TLS_KEY_FILE: key,
    IPPOOLD_CLIENT_CA_FILE: authority.file,
    IPPOOLD_TOKEN_FILE: tokens,
    IPPOOLD_SOCKET: socket,
    IPPOOLD_ALLOWED_HOSTS: '127.0.0.1',
  },
})

/** A configuration with a context for each way to prove who one is. */
async function writeConfig(file: string, current: string): Promise<void> {
  const plugin = join(folder, 'plugin')
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' }
  const status = { token: 'the-token-of-bob-1' }
  const answer = JSON.stringify({ ...credential, status })
  await writeFile(
    plugin,
    `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" | grep -q '"interactive":false' && echo '${answer}'\n`,
  )
  await chmod(plugin, 0o755)
  await writeFile(join(folder, 'token'), 'the-token-of-bob-1\n')
  const pem = async (path: string): Promise<string> => (await readFile(path)).toString('base64')
  const cluster = { server: url, 'tls-server-name': 'ipam.example.org', 'certificate-authority': authority.file }
  const users: Record<string, object> = {
    certificate: { 'client-certificate': alice.certificate, 'client-key': alice.key },
    data: {
      'client-certificate-data': await pem(alice.certificate),
      'client-key-data': await pem(alice.key),
    },
    token: { token: 'the-token-of-bob-1' },
    tokenFile: { tokenFile: join(folder, 'token') },
    plugin: { exec: { ...credential, command: plugin } },
    broken: { exec: { ...credential, command: 'false' } },
    guess: { token: 'the-token-of-nobody' },
  }
  const contexts = Object.keys(users).map((user) => ({ name: user, context: { cluster: 'ipam', user } }))
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    clusters: [
      { name: 'ipam', cluster },
      { name: 'careless', cluster: { server: url, 'insecure-skip-tls-verify': true } },
      { name: 'misnamed', cluster: { ...cluster, 'tls-server-name': 'other.example.org' } },
      { name: 'mistrusted', cluster: { ...cluster, 'certificate-authority': stranger.file } },
    ],
    users: Object.entries(users).map(([name, user]) => ({ name, user })),
    contexts: [
      ...contexts,
      ...['careless', 'misnamed', 'mistrusted'].map((name) => ({ name, context: { cluster: name, user: 'token' } })),
    ],
  }
  await writeFile(file, JSON.stringify(config))
}

t.test('a context says who calls, and whom to trust', async (t) => {
  const shell = await ippoolShell(t)
  await writeConfig(join(shell.home, 'config'), 'data')
  const rows: readonly (readonly [context: string, stdout: string, code: number, stderr: RegExp])[] = [
    ['certificate', 'alice\n', 0, /^$/],
    ['data', 'alice\n', 0, /^$/],
    ['token', 'bob\n', 0, /^$/],
    ['tokenFile', 'bob\n', 0, /^$/],
    ['plugin', 'bob\n', 0, /^$/],
    ['careless', 'bob\n', 0, /^$/],
    ['broken', '', 6, /the credential plugin false failed/],
    ['guess', '', 6, /\(Unauthorized\)\n.*--token/],
    ['misnamed', '', 8, /cannot reach the server https:.*does not match certificate's altnames/],
    ['mistrusted', '', 8, /cannot reach the server https:.*(self.signed|unable to verify|local issuer)/],
    ['none', '', 2, /there is no context "none"; there are: certificate, data/],
  ]
  for (const [context, stdout, code, stderr] of rows)
    t.match(
      await shell.run(`ippool whoami -o name --config config --context ${context}`),
      { stdout, code, stderr },
      context,
    )
  t.match(await shell.run('ippool whoami -o name --config config'), { stdout: 'alice\n' }, 'the current context')
  t.match(
    await shell.run('ippool whoami -o name --config config', { IPPOOL_CONTEXT: 'plugin' }),
    { stdout: 'bob\n' },
    'the variable',
  )
})

t.test('flags and variables count before a context', async (t) => {
  const shell = await ippoolShell(t)
  await writeConfig(join(shell.home, 'config'), 'data')
  const trust = `--certificate-authority ${authority.file} --config config`
  const wrong = await shell.run('ippool whoami --config config --server https://127.0.0.1:1')
  t.match(wrong, { code: 8, stderr: 'https://127.0.0.1:1' })
  const given = await shell.run(`ippool whoami -o name ${trust} --context mistrusted`)
  t.match(given, { stdout: 'bob\n', code: 0 })
  const context = { IPPOOL_CONFIG: 'config', IPPOOL_CONTEXT: 'guess' }
  const variable = await shell.run('ippool whoami -o name', { ...context, IPPOOL_TOKEN: 'the-token-of-bob-1' })
  t.match(variable, { stdout: 'bob\n', code: 0 })
  const others = { IPPOOL_SERVER: 'https://127.0.0.1:1', IPPOOL_TOKEN: 'the-token-of-nobody' }
  const named = await shell.run('ippool whoami -o name --config config --context token', others)
  t.match(named, { stdout: 'bob\n', code: 0 }, 'variables for another server do not count for a context that is named')
  const unnamed = await shell.run(`ippool whoami -s ${url} --insecure-skip-tls-verify`, { IPPOOL_CONFIG: 'config' })
  t.match(
    unnamed,
    { stdout: '', code: 6, stderr: /\(Unauthorized\)/ },
    'nor a context in a variable for a server that is named',
  )
  const files = `--client-certificate ${alice.certificate} --client-key ${alice.key}`
  const careless = await shell.run(`ippool -s ${url} ${files} --insecure-skip-tls-verify whoami`)
  t.match(careless, { stdout: /User: +alice\nGroups: +net, /, code: 0 })
})

t.test('configurations are found where they belong; one of kubectl only if a context is named', async (t) => {
  const shell = await ippoolShell(t)
  const run = (flags: string, env?: Readonly<Record<string, string>>) =>
    shell.run(`ippool whoami -o name ${flags}`, env)
  await writeConfig(join(shell.home, 'elsewhere'), 'data')
  await mkdir(join(shell.home, '.kube'))
  await writeConfig(join(shell.home, '.kube', 'config'), 'token')
  t.match(await run(''), { code: 8, stderr: 'http://127.0.0.1:8080' }, 'the current cluster of kubectl is not called')
  t.match(await run('--context token'), { stdout: 'bob\n' })
  const several = { KUBECONFIG: `${shell.home}/missing:${shell.home}/elsewhere` }
  t.match(await run('--context certificate', several), { stdout: 'alice\n' })
  await mkdir(join(shell.home, '.config', 'ippool'), { recursive: true })
  await writeConfig(join(shell.home, '.config', 'ippool', 'config'), 'data')
  t.match(await run(''), { stdout: 'alice\n' })
  t.match(await run('--server http://127.0.0.1:1'), { code: 8, stderr: 'http://127.0.0.1:1' })
})

t.test('a Unix socket', async (t) => {
  const shell = await ippoolShell(t)
  const env = { IPPOOL_TOKEN: 'the-token-of-bob-1' }
  for (const server of [`unix://${socket}`, `unix:${socket}`])
    t.match(
      await shell.run(`ippool whoami -o name -s ${server}`, env),
      { stdout: 'bob\n', stderr: '', code: 0 },
      server,
    )
  t.match(await shell.run('ippool whoami -s unix:///no/such/socket', env), {
    code: 8,
    stderr: 'unix:///no/such/socket',
  })
})

t.test('tokens, and what they allow', async (t) => {
  const shell = await ippoolShell(t)
  await writeConfig(join(shell.home, 'config'), 'token')
  const env = { IPPOOL_CONFIG: 'config' }
  const policy = `kind: AccessPolicy
metadata: {name: blue}
spec:
  subjects: [{kind: Group, name: blue}]
  rules: [{verbs: [list], resources: [ippools]}, {verbs: [assign], resources: [addresses], handles: ["blue.*"]}]`
  t.equal((await shell.run('ippool pool create blue 10.1.0.0/24', env)).code, 0)
  const created = await shell.run('ippool token create ci --user ci --group blue --expires 90d', env)
  t.match(created, { code: 0, stdout: /^ippoold_\w{49}\n$/, stderr: /not shown again/ })
  t.match(await shell.run('ippool token list -o csv', env), { stdout: /^ci,ci,blue,20\d\d-\d\d-\d\dT[\d:]+Z,/m })
  const ci = { ...env, IPPOOL_TOKEN: created.stdout.trim() }
  t.match(await shell.run('ippool whoami -o name', ci), { stdout: 'ci\n' })
  t.match(await shell.run('ippool can-i assign addresses', ci), { code: 1, stdout: 'no\n', stderr: /no AccessPolicy/ })
  const put = `curl -sS --unix-socket ${socket} http://localhost/apis/ippoold.io/v1/accesspolicies -H 'authorization: Bearer the-token-of-bob-1' -H 'content-type: application/yaml' --data-binary @-`
  await shell.run(`${put} <<'YAML'\n${policy}\nYAML`)
  await shell.run('until ippool can-i assign addresses >/dev/null 2>&1; do :; done', ci)
  t.match(await shell.run('ippool can-i assign addresses', ci), {
    code: 0,
    stdout: 'yes\n',
    stderr: /AccessPolicy "blue"/,
  })
  t.match(await shell.run('ippool can-i delete pools/blue', ci), { code: 1, stdout: 'no\n' })
  t.match(await shell.run('ippool can-i --list', ci), { stdout: /^list +ippools +-\nassign +addresses +blue\.\*$/m })
  t.match(await shell.run('ippool can-i list pools --user x --group blue', env), { code: 0, stdout: 'yes\n' })
  t.match(await shell.run('ippool assign red.1', ci), { code: 6, stderr: /\(Forbidden\)\n.*can-i --list/ })
  t.match(await shell.run('ippool assign blue.1 -o name', ci), { code: 0, stdout: /^10\.1\.0\.\d+\n$/ })
  t.match(await shell.run('ippool token delete ci', env), { code: 0, stdout: 'token ci deleted\n' })
})
