import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { type Answer, answerTo, given, isFields, linesOf, type Schemas } from '../api/index.ts'
import { exitCodes, Failure } from '../failures.ts'
import type { Column, Layout } from '../output/index.ts'
import { type Cli, isRowFormat, type Session } from '../session.ts'
import { tellDryRun } from './assignments.ts'
import { dryRunFlag, dryRunOf, examples, listOption } from './options.ts'

type Finding = Schemas['CheckFinding']
type Repair = Schemas['Repair']

const howTo: Readonly<Record<Schemas['RepairPolicy'], string>> = {
  Default: 'ippool repair',
  OnRequest: 'ippool repair --code',
  None: 'by hand',
}

const findingColumns: readonly Column<Finding>[] = [
  { name: 'code', value: ({ code }) => code, tone: () => 'warning' },
  { name: 'repair', value: ({ repair }) => repair, show: ({ repair }) => howTo[repair] },
  { name: 'key', value: ({ key }) => key },
  { name: 'message', value: ({ message }) => message },
  { name: 'subject', value: ({ subject }) => subject, isWide: true },
]

const findingLayout: Layout<Finding> = { name: ({ subject, key }) => subject ?? key, columns: findingColumns }

const repairLayout: Layout<Repair> = {
  name: ({ subject, key }) => subject ?? key,
  columns: [
    { name: 'code', value: ({ code }) => code },
    {
      name: 'outcome',
      value: ({ outcome }) => outcome,
      tone: ({ outcome }) => (outcome === 'Repaired' ? 'good' : 'warning'),
    },
    { name: 'key', value: ({ key }) => key },
    { name: 'detail', value: ({ detail }) => detail },
    { name: 'message', value: ({ message }) => message, isWide: true },
    { name: 'subject', value: ({ subject }) => subject, isWide: true },
  ],
}

/** `check` and `repair`. */
export function addCheckCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('check')
    .description('check that all stored data is consistent; ends with 1 if something is not')
    .addHelpText(
      'after',
      examples([
        ['ippool check', 'what is wrong, and how to repair it'],
        ['ippool check -o csv', 'for a spreadsheet'],
      ]),
    )
    .action(async () => {
      const session = cli.session()
      if (!isRowFormat(session.format())) {
        const answer = await answerTo((await session.api()).GET('/ipam/v1/check', {}))
        if ('findings' in answer.data && answer.data.findings.length > 0) session.exitCode = exitCodes.no
        await session.printAnswer(answer)
        requireComplete(answer.data)
        return
      }
      const { entries, end } = await readReport(
        session,
        { method: 'GET', path: '/ipam/v1/check' },
        isFinding,
        'finding',
      )
      await session.printRows(findingLayout, entries, unused, 'Everything is consistent.')
      if (entries.length > 0) session.exitCode = exitCodes.no
      requireComplete(end)
    })

  program
    .command('repair')
    .description('repair what "check" finds, as far as that is safe')
    .addOption(
      listOption('--code <code>', 'only findings with these codes; those that release addresses have to be named'),
    )
    .option(...dryRunFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool repair --dry-run', 'what would be repaired'],
        ['ippool repair --code NodeGone --code OwnerUnknown', 'release what nobody uses any more'],
      ]),
    )
    .action(async ({ code: codes, dryRun }) => {
      const session = cli.session()
      const query = dryRunOf(dryRun) === undefined ? '' : '?dryRun=All'
      const call = {
        method: 'POST',
        path: `/ipam/v1/check/repair${query}`,
        body: JSON.stringify(given({ codes })),
      }
      if (!isRowFormat(session.format())) {
        const headers = { 'content-type': 'application/json' }
        const { text } = await (await session.transport()).send({ ...call, headers })
        const data: unknown = JSON.parse(text)
        await session.printAnswer({ data: isFields(data) ? data : {}, text })
        requireComplete(data)
        return
      }
      const { entries, end } = await readReport(session, call, isRepair, 'repair')
      await session.printRows(repairLayout, entries, unused, 'There is nothing to repair.')
      const isDone = entries.every(({ outcome }) => outcome === 'Repaired' || outcome === 'NotFound')
      if (!isDone) session.exitCode = exitCodes.no
      tellDryRun(session, isFields(end) ? end : {})
      requireComplete(end)
    })
}

/** Rows are printed, not this. */
const unused: Answer<object> = { data: {}, text: '' }

/** Reads a report line by line, and shows how far it is. Its last line is none of its entries. */
async function readReport<Entry>(
  session: Session,
  call: { readonly method: string; readonly path: string; readonly body?: string },
  isEntry: (value: unknown) => value is Entry,
  word: string,
): Promise<{ readonly entries: readonly Entry[]; readonly end: unknown }> {
  const headers = {
    accept: 'application/x-ndjson',
    ...(call.body !== undefined && { 'content-type': 'application/json' }),
  }
  const entries: Entry[] = []
  let end: unknown
  session.progress.show('checking')
  for await (const line of linesOf(await (await session.transport()).open({ ...call, headers }))) {
    const value: unknown = JSON.parse(line)
    if (isEntry(value)) entries.push(value)
    else end = value
    session.progress.show(`checking: ${entries.length} ${word}${entries.length === 1 ? '' : 's'} so far`)
  }
  session.progress.end()
  return { entries, end }
}

function requireComplete(report: unknown): void {
  if (isFields(report) && report['isComplete'] === true) return
  const problem =
    isFields(report) && typeof report['problem'] === 'string' ? report['problem'] : 'the connection was lost'
  throw new Failure(exitCodes.unreachable, `the report is not complete: ${problem}`, 'Run the command again.')
}

function isFinding(value: unknown): value is Finding {
  return isFields(value) && 'code' in value
}

function isRepair(value: unknown): value is Repair {
  return isFields(value) && 'outcome' in value
}
