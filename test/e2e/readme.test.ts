import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { flagOf, settings } from '../../src/settings.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { findKubectls } from '../support/kubectl.ts'
import { startServer } from '../support/server.ts'

/**
 * Executes README.md. Each step is a command in a `sh` block of a section, with the `# =>` lines that follow it. The command must print every
 * such line: blanks do not count, and `...` stands for anything. A command that changes nothing is repeated for a while, because the tour
 * shows things that happen by themselves.
 */

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const addressInTour = 'http://127.0.0.1:8080'
const patienceMs = 10_000

interface Step {
  readonly command: string
  readonly expected: readonly string[]
}

function section(title: string): string {
  const [, text] = new RegExp(`^## ${title}\n(.*?)(?=^## |(?![^]))`, 'ms').exec(readme) ?? []
  if (text === undefined) throw new Error(`README.md has no section "${title}".`)
  return text
}

function stepsOf(text: string): Step[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
  // A step ends with its last `# =>` line.
  return blocks.flatMap((block) =>
    [...block.matchAll(/(.*?)((?:^# => [^\n]*\n)+)/gms)].map(([, command = '', expected = '']) => ({
      command,
      expected: [...expected.matchAll(/^# => (.*)$/gm)].map(([, line = '']) => line),
    })),
  )
}

function firstMissing(output: string, expected: readonly string[]): string | undefined {
  const squeeze = (text: string): string => text.replaceAll(/\s/g, '')
  const printed = squeeze(output)
  return expected.find((line) => {
    let from = 0
    const isNext = (part: string): boolean => {
      const at = printed.indexOf(part, from)
      from = at + part.length
      return at >= 0
    }
    return !line
      .split(/(?:^|\s)\.\.\.(?:\s|$)/)
      .map(squeeze)
      .every(isNext)
  })
}

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
  const steps = stepsOf(section('A tour'))
  t.ok(steps.length >= 10, 'there are steps')
  const server = await startServer(t)
  for (const step of steps) {
    const { output, missing } = await run(step, server.url)
    t.equal(missing, undefined, step.command.trim(), { output })
  }
})

t.test('so does what is said of kubectl', { skip: canCurl ? false : 'curl is not installed' }, async (t) => {
  const steps = stepsOf(section("kubectl and Kubernetes' clients"))
  t.ok(steps.length >= 5, 'there are steps')
  const env = await environmentWithKubectl(t)
  const server = await startServer(t)
  for (const step of steps) {
    const { output, missing } = await run(step, server.url, env)
    t.equal(missing, undefined, step.command.trim(), { output })
  }
})

t.test('the table of settings in the README is the one that the server knows', async (t) => {
  const table = section('Configuration')
    .split('\n')
    .filter((line) => line.startsWith('|'))
  const rows = Object.values(settings).map((setting) => {
    const standard = setting.fallbackHelp ?? (setting.fallback === undefined ? '' : `\`${String(setting.fallback)}\``)
    return `| \`${setting.variable}\` | \`--${flagOf(setting)}\` | ${standard} | ${setting.help} |`
  })
  t.strictSame(table, ['| variable | flag | default | what it is |', '|---|---|---|---|', ...rows])
})
