import { cp } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { startIppoold } from '../support/ippoold.ts'
import { ippoolShell } from '../support/ippool.ts'
import { firstMissing, sectionOf, stepsOf } from '../support/shell-blocks.ts'

/** Carries out the commands of docs/moving-data.md in a folder with its examples, and expects what they print. */

t.setTimeout(120_000)

const page = 'docs/moving-data.md'
const samples = fileURLToPath(new URL('../../examples/moving', import.meta.url))

t.test('what docs/moving-data.md says to do works as it stands', async (t) => {
  const { servers } = await startIppoold(t)
  const shell = await ippoolShell(t, servers[0]?.url)
  await cp(samples, shell.home, { recursive: true })
  const steps = ['1. Export and import', '3. From other systems'].flatMap((title) => stepsOf(sectionOf(page, title)))
  t.ok(steps.length >= 9)
  for (const { command, expected } of steps) {
    const { code, stdout, stderr } = await shell.run(`set -e\n${command}`)
    t.equal(code, 0, `${command}${stderr}`)
    const missing = firstMissing(stdout, expected)
    t.equal(missing, undefined, `${command} prints ${missing ?? 'all'}: ${stdout}`)
  }
})
