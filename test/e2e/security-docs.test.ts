import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Etcd3, Range } from 'etcd3'
import t, { type Test } from 'tap'
import { Authority } from '../support/authority.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { findKubectls } from '../support/kubectl.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { firstMissing, sectionOf, shellBlocksOf, stepsOf } from '../support/shell-blocks.ts'

/**
 * Carries out docs/security.md, "2. Set up": makes the files, starts a server with the settings, and expects what the commands print. Only
 * the folders and the address of the server are others. The second test does so with the role for etcd in README.md.
 */

t.setTimeout(200_000)

const patienceMs = 10_000
const setUp = sectionOf('docs/security.md', '2. Set up')

interface Place {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** The text of the page with the names of this test. */
  translate(text: string): string
}

async function preparePlace(t: Test): Promise<Place> {
  const [kubectl] = await findKubectls()
  if (kubectl === undefined) throw new Error('There is no kubectl.')
  const root = await temporaryFolder(t)
  const [folder, log, programs] = [join(root, 'etc'), join(root, 'log'), join(root, 'bin')]
  for (const path of [folder, log, programs]) await mkdir(path)
  await symlink(kubectl.path, join(programs, 'kubectl'))
  const authority = await Authority.create(t)
  const { certificate, key } = await authority.sign({ name: 'ipam', hosts: ['IP:127.0.0.1'] })
  await copyFile(certificate, join(folder, 'tls.crt'))
  await copyFile(key, join(folder, 'tls.key'))
  await copyFile(authority.file, join(folder, 'ca.crt'))
  return {
    folder,
    env: { PATH: `${programs}:${process.env['PATH'] ?? ''}`, HOME: root },
    translate: (text) => text.replaceAll('/etc/ippoold', folder).replaceAll('/var/log/ippoold', log),
  }
}

/** The settings that a block exports. */
function settingsIn(block: string, { env, translate }: Place): Record<string, string> {
  const script = translate(block).replace(/^npm start$/m, 'env')
  const printed = execFileSync('bash', ['-e', '-c', script], { encoding: 'utf8', env })
  const lines = [...printed.matchAll(/^(IPPOOLD_\w+)=(.*)$/gm)]
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value]))
}

const missingTools = ['curl', 'openssl'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined)

t.test(
  'what docs/security.md says to do works as it stands',
  {
    skip: missingTools.length > 0 && `there is no ${missingTools.join(', no ')}`,
  },
  async (t) => {
    const [files = '', settings = ''] = shellBlocksOf(setUp)
    const place = await preparePlace(t)
    const bash = (script: string) =>
      promisify(execFile)('bash', ['-e', '-c', script], { cwd: place.folder, env: place.env })
    await bash(place.translate(files))
    const asked = settingsIn(settings, place)
    t.equal(asked['IPPOOLD_HOST'], '0.0.0.0')
    t.ok(Object.keys(asked).length >= 6)
    const server: TestServer = await startServer(t, { env: { ...asked, IPPOOLD_HOST: '127.0.0.1' } })

    const steps = stepsOf(setUp)
    t.ok(steps.length >= 8)
    for (const { command, expected } of steps) {
      const script = place.translate(command).replaceAll('https://ipam.example.org:8080', server.url)
      const isRead = !/kubectl (create|apply|delete) /.test(script)
      const deadline = Date.now() + patienceMs
      let output = ''
      do {
        // `can-i` fails if the answer is no.
        const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8', cwd: place.folder, env: place.env })
        output = stdout
        if (firstMissing(output, expected) === undefined) break
        await pause(200)
      } while (isRead && Date.now() < deadline)
      t.equal(firstMissing(output, expected), undefined, command.trim(), { output })
    }
    const audit = await bash(place.translate('grep -c provisioner /var/log/ippoold/audit.log'))
    t.ok(Number(audit.stdout) > 0, 'the audit log tells what the program did')
  },
)

/** An etcd with users: `ippoold`, with a role of the same name that has the rights of README.md; `calico`, which has `/calico/`. */
async function startEtcdWithRoles(t: Test): Promise<string> {
  const { endpoint } = await startEtcd(t)
  const etcd = new Etcd3({ hosts: endpoint })
  t.teardown(() => etcd.close())
  const configuration = sectionOf('README.md', 'Configuration')
  const grants = configuration.matchAll(
    /^etcdctl role grant-permission ippoold (--prefix=true )?(\w+) (\S+)(?: (\S+))?$/gm,
  )
  const ippoold = await etcd.role('ippoold').create()
  for (const [, prefix, right, from = '', to = ''] of grants) {
    const range = prefix === undefined ? new Range(from, to) : Range.prefix(from)
    await ippoold.grant({ permission: right === 'read' ? 'Read' : 'Readwrite', range })
  }
  const calico = await etcd.role('calico').create()
  await calico.grant({ permission: 'Readwrite', range: Range.prefix('/calico/') })
  for (const name of ['ippoold', 'calico']) await (await etcd.user(name).create(`password of ${name}`)).addRole(name)
  await (await etcd.user('root').create('secret')).addRole((await etcd.role('root').create()).name)
  await etcd.auth.authEnable()
  return endpoint
}

t.test(
  'the role for etcd suffices for tokens, policies and quotas; the one of Calico makes nobody an admin',
  async (t) => {
    const endpoint = await startEtcdWithRoles(t)
    const tokenFile = join(await temporaryFolder(t), 'tokens.csv')
    await writeFile(tokenFile, 'the-token-of-root,root,1,ippoold:admins\n')
    const connection = { ETCD_ENDPOINTS: endpoint, ETCD_USERNAME: 'ippoold', ETCD_PASSWORD: 'password of ippoold' }
    const env = { ...connection, IPPOOLD_TOKEN_FILE: tokenFile, IPPOOLD_UPKEEP_INTERVAL_SECONDS: '1' }
    const server = await startServer(t, { env })
    const as = (token: string, { url }: TestServer): HttpClient['call'] => {
      const client = new HttpClient(t, url)
      return (method, path, body) => client.call(method, path, body, undefined, { authorization: `Bearer ${token}` })
    }
    const root = as('the-token-of-root', server)
    const create = async (path: string, name: string, spec: object) => {
      const created = await root('POST', path, { metadata: { name }, spec })
      t.equal(created.status, 201, path, { body: created.body })
      return created
    }
    const pool = { cidr: '10.70.0.0/26' }
    const rule = { verbs: ['assign', 'release', 'get'], resources: ['addresses'], maxAddresses: 2 }
    await create('/apis/projectcalico.org/v3/ippools', 'blue', pool)
    await create('/apis/ippoold.io/v1/accesspolicies', 'blue', {
      subjects: [{ kind: 'Group', name: 'blue' }],
      rules: [rule],
    })
    const { body } = await create('/apis/ippoold.io/v1/accesstokens', 'ci', { user: 'ci', groups: ['blue'] })
    const { token } = body['status'] as { readonly token: string }

    // A server that is started later has the same token, policy and quota.
    const ci = as(token, await startServer(t, { env }))
    t.equal((await ci('POST', '/ipam/v1/assign', { handle: 'ci', ipv4: 2 })).status, 201)
    t.match(await ci('POST', '/ipam/v1/assign', { handle: 'ci' }), { status: 403, body: { reason: 'Forbidden' } })
    t.equal((await ci('DELETE', '/ipam/v1/handles/ci')).status, 200)
    t.equal((await root('DELETE', '/apis/ippoold.io/v1/accesstokens/ci')).status, 200)
    t.equal((await root('GET', '/readyz')).status, 200)
    t.notMatch(server.output(), /lacks|permission denied|may not read/)

    const calico = new Etcd3({ hosts: endpoint, auth: { username: 'calico', password: 'password of calico' } })
    t.teardown(() => calico.close())
    await t.resolves(calico.put('/calico/resources/v3/projectcalico.org/ippools/green').value('{}').exec())
    await t.rejects(calico.put('/ippoold/v1/accesspolicies/evil').value('{}').exec(), /permission denied/)
    await t.rejects(calico.get('/ippoold/v1/accesstokens/ci').exec(), /permission denied/)
  },
)
