import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

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
