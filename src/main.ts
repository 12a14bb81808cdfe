import { readFileSync } from 'node:fs'
import { helpText, parseConfig } from './config.ts'
import { EtcdStartFailure } from './embedded-etcd/failure.ts'
import { badSettings, exitCodes, messageOf, StartFailure } from './start/failure.ts'

/** Does what the command line asks for. Messages for people go to standard output, the log goes to standard error. */
async function run(): Promise<void> {
  const parsed = parseConfig(process.argv.slice(2), process.env)
  if (!parsed.ok) throw badSettings(parsed.problems)
  if (parsed.action === 'help') say(helpText())
  else if (parsed.action === 'version') say(`ippoold ${version()}`)
  else {
    // Loading the server takes longer than everything else that is done here.
    const { serve } = await import('./serve.ts')
    await serve(parsed.config, {
      version: version(),
      environment: process.env,
      exitNow: () => process.exit(exitCodes.failure),
    })
  }
}

/** Prints the error, a bug with its stack, and ends the process. */
function exitWith(error: unknown): never {
  const isExplained = error instanceof StartFailure || error instanceof EtcdStartFailure
  const text = !isExplained && error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
  process.stderr.write(`${text}\n`)
  process.exit(error instanceof StartFailure ? error.exitCode : exitCodes.failure)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function version(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown'
}

await run().catch(exitWith)
