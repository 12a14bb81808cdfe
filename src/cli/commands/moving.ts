import { once } from 'node:events'
import { open, rename } from 'node:fs/promises'
import { type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { exitCodes, usageFailure } from '../failures.ts'
import { note } from '../io.ts'
import { conflictPolicies, exportAll, importAll, type Subject, sourceNames, type Tally } from '../moving/index.ts'
import { type Layout, printCount } from '../output/index.ts'
import type { Cli, Session } from '../session.ts'
import { dryRunFlag, examples } from './options.ts'

/** `export` and `import`. */
export function addMovingCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('export')
    .description('write everything of a server to a file, as of one moment')
    .argument('[file]', 'the file; standard output unless given')
    .addHelpText(
      'after',
      examples([
        ['ippool export blue.jsonl', 'to a file, which appears when it is complete'],
        ['ippool export | gzip > blue.jsonl.gz', 'to another program'],
      ]),
    )
    .action(async (file) => {
      const session = cli.session()
      const output = file === undefined ? standardOutput(session) : await newFile(file)
      const { counts, revision, unreadable, forbidden } = await exportAll(
        await session.transport(),
        session.progress,
        output.write,
      )
      await output.end()
      const total = Object.entries(counts).map(([kind, count]) => `${kind} ${printCount(String(count))}`)
      note(session.io, `exported at revision ${revision}: ${total.join(', ')}`)
      for (const kind of forbidden) note(session.io, `${kind}: left out, because you may not read them`)
      if (unreadable === 0) return
      session.exitCode = exitCodes.no
      note(session.io, `${unreadable} objects and blocks cannot be read, and are missing. See "ippool check".`)
    })

  program
    .command('import')
    .description('create what files say, and leave alone what is there')
    .argument('<file...>', 'files of "ippool export", or of another system')
    .addOption(
      new Option('--from <system>', 'the system that wrote the files').choices(sourceNames).default('ippool' as const),
    )
    .addOption(
      new Option('--on-conflict <what>', 'end at the first conflict, or go on without what is in conflict')
        .choices(conflictPolicies)
        .default('stop' as const),
    )
    .option(...dryRunFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool import blue.jsonl --dry-run', 'see what would be created, and every conflict'],
        ['ippool import blue.jsonl', 'create it; after an interruption, run it again'],
        ['ippool import --from netbox prefixes.csv addresses.csv', 'from exports of NetBox'],
      ]),
    )
    .action(async (files, { from, onConflict, dryRun }) => {
      const session = cli.session()
      const isDryRun = dryRun === true
      const outcome = await importAll(await session.transport(), session.io, session.progress, {
        files,
        from,
        isDryRun,
        // A dry run is for seeing all of them.
        onConflict: isDryRun ? 'skip' : onConflict,
      })
      const rows = outcome.rows()
      const data = { subjects: rows, ...(isDryRun && { dryRun: 'All' }) }
      await session.printRows(tallyLayout, rows, { data, text: JSON.stringify(data) }, 'The files say nothing.')
      if (isDryRun) note(session.io, 'Dry run: nothing was changed.')
      if (outcome.conflicts > 0) session.exitCode = exitCodes.no
    })
}

const tallyLayout: Layout<Tally & { readonly subject: Subject }> = {
  name: ({ subject }) => subject,
  columns: [
    { name: 'subject', header: 'what', value: ({ subject }) => subject },
    ...(['created', 'unchanged', 'conflicts', 'leftOut'] as const).map((name) => ({
      name,
      value: (tally: Tally) => tally[name],
      show: (tally: Tally) => printCount(String(tally[name])),
      isRight: true,
    })),
  ],
}

/** The target of an export. */
interface Output {
  readonly write: (text: string) => Promise<void>
  readonly end: () => Promise<void>
}

function standardOutput(session: Session): Output {
  return {
    write: async (text) => {
      if (!session.print(text)) await once(session.io.stdout, 'drain')
    },
    end: () => Promise.resolve(),
  }
}

/** A file that has its name once it is complete and on the disk. */
async function newFile(file: string): Promise<Output> {
  const partial = `${file}.partial`
  const handle = await open(partial, 'w').catch((problem: unknown) => {
    throw usageFailure(`${partial} cannot be written: ${problem instanceof Error ? problem.message : String(problem)}`)
  })
  return {
    write: async (text) => {
      await handle.writeFile(text)
    },
    end: async () => {
      await handle.sync()
      await handle.close()
      await rename(partial, file)
    },
  }
}
