import { readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import t from 'tap'
import { exitCodes } from '../../src/cli/failures.ts'
import type { Io } from '../../src/cli/io.ts'
import { programOf, runCommandLine } from '../../src/cli/program.ts'

/** The page says everything that the program knows, and the help shows examples. */

function ioInMemory(): { readonly io: Io; readonly printed: () => string } {
  const terminal = () => Object.assign(new PassThrough(), { isTTY: false, columns: 80, rows: 24 })
  const stdout = terminal()
  const stderr = terminal()
  const stdin = Object.assign(terminal(), { setRawMode: () => stdin }) as unknown as Io['stdin']
  return {
    io: { environment: {}, stdin, stdout, stderr },
    printed: () => String(stdout.read() ?? '') + String(stderr.read() ?? ''),
  }
}

const { io, printed } = ioInMemory()
const program: CommandUnknownOpts = programOf(io, () => {
  throw new Error('no command is run')
})

function leavesOf(command: CommandUnknownOpts): readonly CommandUnknownOpts[] {
  const inner = command.commands.filter((one) => !one.name().startsWith('_'))
  return inner.length === 0 ? [command] : inner.flatMap(leavesOf)
}

function nameOf(command: CommandUnknownOpts): string {
  return command.parent === null || command.parent === program
    ? command.name()
    : `${nameOf(command.parent)} ${command.name()}`
}

const page = readFileSync(new URL('../../docs/command-line.md', import.meta.url), 'utf8')
const leaves = leavesOf(program)

t.ok(leaves.length > 30, 'there are commands')

t.test('docs/command-line.md names each command and each flag', async (t) => {
  const names = leaves.map(nameOf)
  t.strictSame(
    names.filter((name) => !new RegExp(`\`${name}[ \`]|\`${name}\``).test(page)),
    [],
  )
  const flags = [program, ...leaves].flatMap(({ options }) => options.map(({ long }) => long ?? ''))
  const common = ['--version']
  t.strictSame(
    [...new Set(flags)].filter((flag) => !common.includes(flag) && !page.includes(`\`${flag}`)),
    [],
  )
  const variables = program.options.flatMap(({ envVar }) => envVar ?? [])
  t.strictSame(
    variables.filter((name) => !page.includes(`\`${name}\``)),
    [],
  )
})

t.test('and each exit code', async (t) => {
  const rows = [...page.matchAll(/^\| (\d+) \| /gm)].map(([, code]) => Number(code))
  t.strictSame(
    rows,
    Object.values(exitCodes).toSorted((one, other) => one - other),
  )
})

t.test('the help of each command has examples of it', async (t) => {
  for (const command of leaves) {
    command.outputHelp()
    const [, examples = ''] = printed().split('\nExamples:\n')
    const lines = examples.split('\n').filter((line) => line !== '')
    const own = new RegExp(`\\bippool (-\\S+ \\S+ )*${nameOf(command)}\\b`)
    t.ok(
      lines.some((line) => own.test(line)),
      nameOf(command),
    )
  }
})

t.test('wrong command lines end with 2, and name what was meant', async (t) => {
  const rows: readonly (readonly [args: readonly string[], told: RegExp])[] = [
    [['asign'], /unknown command 'asign'\n\(Did you mean assign\?\)/],
    [['pool', 'drian', 'blue'], /\(Did you mean drain\?\)/],
    [['pools', '--output', 'xml'], /Allowed choices are table, wide, json, yaml, name, csv/],
    [['assign', '--pols', 'x'], /\(Did you mean --pool\?\)/],
    [['assign', '-n', '-1'], /argument '-1' is invalid. It must be a whole number from 0 to 1024/],
    [['pools', '--timeout', '0'], /It must be a number of seconds/],
    [['who'], /missing required argument 'ip'/],
    [['who', '10.1.0.7', 'more'], /too many arguments/],
    [['pool', 'create', '--use', 'Fun'], /Allowed choices are Workload, Tunnel, LoadBalancer/],
  ]
  for (const [args, told] of rows) {
    const { io, printed } = ioInMemory()
    t.equal(await runCommandLine(args, io), exitCodes.usage, args.join(' '))
    t.match(printed(), told)
  }
})
