import { spawnSync } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { flagOf, settings } from '../../src/settings.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { ippoolShell } from '../support/ippool.ts'
import { findKubectls } from '../support/kubectl.ts'
import { startServer } from '../support/server.ts'
import { firstMissing, sectionOf, type Step, stepsOf } from '../support/shell-blocks.ts'

/**
 * Executes the steps of README.md. A command that changes nothing is repeated for a while, because the tour shows things that happen by
 * themselves.
 */

const addressInTour = 'http://127.0.0.1:8080'
const patienceMs = 10_000

/** Carries out a step on the server at `url`; `missing` is the first expected line that was not printed. */
async function run(
  step: Step,
  url: string,
  env = process.env,
): Promise<{ output: string; missing: string | undefined }> {
  const script = step.command.replaceAll(addressInTour, url)
  const isRead = !/ (-d|-X|--data-binary) /.test(script)
  const deadline = Date.now() + patienceMs
  for (;;) {
    const output = spawnSync('bash', ['-c', script], { encoding: 'utf8', env }).stdout
    const missing = firstMissing(output, step.expected)
    if (missing === undefined || !isRead || Date.now() > deadline) return { output, missing }
    await pause(100)
  }
}

/** An environment with the kubectl to test with, and an empty home. */
async function environmentWithKubectl(t: Test): Promise<NodeJS.ProcessEnv> {
  const [kubectl] = await findKubectls()
  if (kubectl === undefined) throw new Error('There is no kubectl.')
  const folder = await temporaryFolder(t)
  await symlink(kubectl.path, join(folder, 'kubectl'))
  return { PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: folder }
}

const canCurl = spawnSync('curl', ['--version']).error === undefined

t.test('the tour of the README works as it stands', { skip: canCurl ? false : 'curl is not installed' }, async (t) => {
  const steps = stepsOf(sectionOf('README.md', 'A tour'))
  t.ok(steps.length >= 10, 'there are steps')
  const server = await startServer(t)
  for (const step of steps) {
    const { output, missing } = await run(step, server.url)
    t.equal(missing, undefined, step.command.trim(), { output })
  }
})

t.test('so does what is said of kubectl', { skip: canCurl ? false : 'curl is not installed' }, async (t) => {
  const steps = stepsOf(sectionOf('README.md', "kubectl and Kubernetes' clients"))
  t.ok(steps.length >= 5, 'there are steps')
  const env = await environmentWithKubectl(t)
  const server = await startServer(t)
  for (const step of steps) {
    const { output, missing } = await run(step, server.url, env)
    t.equal(missing, undefined, step.command.trim(), { output })
  }
})

t.test('and of the command line', async (t) => {
  const steps = stepsOf(sectionOf('README.md', 'From a shell'))
  t.ok(steps.length >= 5, 'there are steps')
  const shell = await ippoolShell(t, (await startServer(t)).url)
  for (const { command, expected } of steps) {
    const { stdout } = await shell.run(command)
    t.equal(firstMissing(stdout, expected), undefined, command.trim(), { stdout })
  }
})

t.test('the table of settings in the README is the one that the server knows', async (t) => {
  const table = sectionOf('README.md', 'Configuration')
    .split('\n')
    .filter((line) => line.startsWith('|'))
  const rows = Object.values(settings).map((setting) => {
    const standard = setting.fallbackHelp ?? (setting.fallback === undefined ? '' : `\`${String(setting.fallback)}\``)
    return `| \`${setting.variable}\` | \`--${flagOf(setting)}\` | ${standard} | ${setting.help} |`
  })
  t.strictSame(table, ['| variable | flag | default | what it is |', '|---|---|---|---|', ...rows])
})
