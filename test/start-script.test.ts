import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { temporaryFolder } from './support/etcd.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

function start(...args: readonly string[]) {
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawnSync(process.execPath, [...args, 'bin/ippoold.js', '--version'], { cwd: root, env, encoding: 'utf8' })
}

t.test('a Node that runs TypeScript starts the program, and prints no warning', async (t) => {
  t.match(start(), { status: 0, stdout: /^ippoold \d+\.\d+\.\d+\n$/, stderr: /^$/ })
})

t.test('one that does not is refused with what is needed', async (t) => {
  const { status, stderr } = start('--no-experimental-strip-types')
  t.equal(status, 1)
  t.match(stderr, /ippoold needs Node\.js 22\.18 or newer, and this is v/)
})

/** Runs a command of the package for its help, and gives that and the files that were loaded for it. */
async function loadedForHelp(t: Test, name: 'ippoold' | 'ippool') {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> }
  // Node writes down which files it ran.
  const folder = await temporaryFolder(t)
  const env = { PATH: process.env['PATH'], NODE_V8_COVERAGE: folder }
  const { status, stdout } = spawnSync(join(root, bin[name] ?? ''), ['--help'], { env, encoding: 'utf8' })
  t.equal(status, 0)
  const files = readdirSync(folder)
    .flatMap((file) => {
      const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: { url: string }[] }
      return result.map(({ url }) => url)
    })
    .filter((url) => url.startsWith('file:'))
  return { stdout, files }
}

t.test('the package has the command ippoold, and nothing but the answer is loaded for --help', async (t) => {
  const { stdout, files } = await loadedForHelp(t, 'ippoold')
  t.match(stdout, /^ippoold: .*--port/s)
  t.ok(files.some((url) => url.endsWith('/src/main.ts')))
  t.strictSame(
    files.filter((url) => /node_modules\/(fastify|pino|etcd3)\/|src\/(serve|http|datastore|cli)/.test(url)),
    [],
  )
})

t.test('and ippool, which loads nothing of the server', async (t) => {
  const { stdout, files } = await loadedForHelp(t, 'ippool')
  t.match(stdout, /^Usage: ippool .*assign/s)
  t.ok(files.some((url) => url.endsWith('/src/cli/index.ts')))
  t.strictSame(
    files.filter((url) => /node_modules\/(fastify|pino|etcd3|yaml)\/|(?<!node_modules\/.*)\/src\/(?!cli\/)/.test(url)),
    [],
  )
})
