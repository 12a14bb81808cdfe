import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { notesOf } from '../../scripts/release.ts'
import { findTool } from '../../scripts/tools.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { addressesIn, createPool } from '../support/ippoold.ts'
import { ownEnvironment, startServer } from '../support/server.ts'
import { sectionOf, shellBlocksOf } from '../support/shell-blocks.ts'
import { until } from '../support/until.ts'
import { isAll } from '../support/volume.ts'

/** The files of a release, and whether they can be used elsewhere. */

t.setTimeout(280_000)

const skip = !isAll && 'it takes a minute: run "npm run test:all"'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const env = { ...ownEnvironment(), PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` }

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>
}

interface Sbom {
  readonly components: readonly { readonly name: string }[]
}

/** The packages in a folder whose versions are not those of the lock. */
function otherVersionsIn(folder: string): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  const installed = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8')) as Lock
  return Object.entries(installed.packages)
    .filter(([path, found]) => packages[path]?.version !== found.version)
    .map(([path]) => path)
}

/** Starts a program and waits until it serves; returns its URL. */
async function start(t: Test, [program = '', ...args]: readonly string[], endpoint: string): Promise<string> {
  const own = { IPPOOLD_PORT: '0', ETCD_ENDPOINTS: endpoint }
  const child = spawn(program, args, { env: { ...env, ...own }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (printed += text.toString()))
  return until('the server serves', () => {
    if (child.exitCode !== null) throw new Error(`The server ended:\n${printed}`)
    return /^ippoold serves (http:\S+),/m.exec(printed)?.[1]
  })
}

t.test('the notes of a version are those of the changelog', async (t) => {
  const changelog = '# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.0.0] - 2026-01-01\n\n### Added\n\n- old\n'
  t.equal(notesOf(changelog, 'Unreleased'), '- new\n\n')
  t.equal(notesOf(changelog, '1.0.0'), '### Added\n\n- old\n')
  t.throws(() => notesOf(changelog, '2.0.0'), /no section "## \[2\.0\.0\]"/)
})

t.test('a release can be installed elsewhere, from the registry and from its lock, and serves', { skip }, async (t) => {
  const place = await temporaryFolder(t)
  const out = join(place, 'release')
  execFileSync(process.execPath, ['scripts/release.ts', '--snapshot', '--out', out], { cwd: root, env })
  const made = ['', '.cdx.json', '.openapi.json', '.tgz'].filter((ending) => ending !== '')
  t.strictSame(
    readdirSync(out)
      .filter((name) => made.some((ending) => name === `ippoold-${version}${ending}`))
      .sort(),
    made.map((ending) => `ippoold-${version}${ending}`),
  )
  t.equal(readdirSync(out).includes(`ippoold-chart-${version}.tgz`), findTool('helm') !== undefined)
  t.equal(spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out }).status, 0, 'the checksums hold')
  const sbom = JSON.parse(readFileSync(join(out, `ippoold-${version}.cdx.json`), 'utf8')) as Sbom
  t.match(sbom, { bomFormat: 'CycloneDX', metadata: { component: { name: 'ippoold', version } } })
  const listed = new Set(sbom.components.map(({ name }) => name))
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }
  t.strictSame(
    Object.keys(dependencies).filter((name) => !listed.has(name)),
    [],
    'the SBOM lists every dependency',
  )
  const archive = join(out, `ippoold-${version}.tgz`)
  const etcd = await startEtcd(t)

  const elsewhere = join(place, 'elsewhere')
  await mkdir(elsewhere)
  execFileSync('npm', ['install', '--no-audit', '--no-fund', archive], { cwd: elsewhere, env, stdio: 'pipe' })
  const command = join(elsewhere, 'node_modules', '.bin', 'ippoold')
  t.equal(execFileSync(command, ['--version'], { encoding: 'utf8', env }), `ippoold ${version}\n`)

  const [install = ''] = shellBlocksOf(sectionOf('docs/operations.md', 'As a service'))
  t.match(install, 'npm --prefix /opt/ippoold/$version ci')
  const script = install.replace(/^version=.*$/m, `version=${version}`).replaceAll('/opt/ippoold', join(place, 'opt'))
  execFileSync('bash', ['-ec', script], { cwd: out, env, stdio: 'pipe' })
  const locked = join(place, 'opt', 'current')
  t.strictSame(otherVersionsIn(locked), [], 'every package has the version of the lock')
  for (const installed of [join(elsewhere, 'node_modules', '.bin', 'ippool'), join(locked, 'bin', 'ippool.js')]) {
    t.equal(execFileSync(installed, ['--version'], { encoding: 'utf8', env }), `${version}\n`, installed)
  }
  const unit = readFileSync(join(locked, 'deploy', 'systemd', 'ippoold.service'), 'utf8')
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? []

  const servers = [
    await start(t, [command], etcd.endpoint),
    await start(t, line.replaceAll('/opt/ippoold/current', locked).split(' '), etcd.endpoint),
    (await startServer(t, { env: { ETCD_ENDPOINTS: etcd.endpoint } })).url,
  ].map((url) => new HttpClient(t, url))
  const [first] = servers
  if (first === undefined) throw new Error('there is no server')
  await until('the server is ready', async () =>
    (await first.call('GET', '/readyz')).status === 200 ? true : undefined,
  )
  await createPool((...request) => first.call(...request), 'blue', { cidr: '10.1.0.0/24' })
  const answers = await Promise.all(
    servers.map((server, index) => server.call('POST', '/ipam/v1/assign', { handle: `vm-${index}`, ipv4: 10 })),
  )
  const addresses = answers.flatMap((answer) => addressesIn(answer))
  t.equal(new Set(addresses).size, 30, 'the servers assign beside each other', { answers })
})
