import { readFileSync } from 'node:fs'
import {
  Command,
  CommanderError,
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from '@commander-js/extra-typings'
import { addCommands } from './commands/index.ts'
import { Failure, exitCodes, type ExitCode } from './failures.ts'
import { type Io, note } from './io.ts'
import { formats, visible } from './output/index.ts'
import { type Cli, type GlobalOptions, Session } from './session.ts'

/** Carries out a command line, which begins after the name of the program. Gives the exit code; failures are printed. */
export async function runCommandLine(args: readonly string[], io: Io): Promise<ExitCode> {
  let session: Session | undefined
  const program = build(io, () => {
    session ??= new Session(io, optionsOf(program))
    return session
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return session?.exitCode ?? exitCodes.done
  } catch (problem) {
    session?.progress.end()
    return report(problem, io)
  }
}

/** The flags that have a variable, and mean what a context may mean as well. */
const fromContext = ['server', 'token', 'tokenFile', 'certificateAuthority', 'clientCertificate', 'clientKey'] as const

/**
 * The flags of the command line. If it names a context, variables about the server do not count, and if it names a server, no variable
 * names a context: they are most likely for another server, which must not get these credentials.
 */
function optionsOf(program: CommandUnknownOpts): GlobalOptions {
  const options: { -readonly [Name in keyof GlobalOptions]: GlobalOptions[Name] } = program.opts()
  const isFlag = (name: string): boolean => program.getOptionValueSource(name) === 'cli'
  const forget = (names: readonly ((typeof fromContext)[number] | 'context' | 'config')[]): void => {
    for (const name of names) if (!isFlag(name)) options[name] = undefined
  }
  if (isFlag('context') || isFlag('config')) forget(fromContext)
  else if (isFlag('server')) forget(['context', 'config'])
  return options
}

const examples = `
Examples:
  ippool pools                               how full the pools are
  ippool assign vm-1 -n 2 --pool blue        assign two addresses
  ippool who 10.1.0.7                        who holds an address
  ippool release vm-1                        release all that a handle holds
  ippool --context prod addresses -o csv     list everything of another server

"ippool COMMAND --help" shows examples of each command. docs/command-line.md describes all of them.`

/** The commands and flags of `ippool`; `session` gives the session of a run. */
export function programOf(io: Io, session: Cli['session']): CommandUnknownOpts {
  return build(io, session)
}

/** Its type has every flag, by what is said of it here. */
function build(io: Io, session: Cli['session']) {
  const program = new Command('ippool')
    .description('Looks at and changes the addresses, pools and nodes of an ippoold server.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'ippool: ')),
    })
    .addHelpText('after', examples)
    .addOption(new Option('-o, --output <format>', 'how to print: json is what the server answered').choices(formats))
    .addOption(
      new Option('-s, --server <url>', 'the server: an http or https URL, or unix:///PATH').env('IPPOOL_SERVER'),
    )
    .addOption(new Option('--token <token>', 'the token to send; prefer the variable').env('IPPOOL_TOKEN'))
    .addOption(new Option('--token-file <file>', 'a file with the token to send').env('IPPOOL_TOKEN_FILE'))
    .addOption(new Option('--context <name>', 'the context of the configuration or kubeconfig').env('IPPOOL_CONTEXT'))
    .addOption(new Option('--config <file>', "contexts, in kubectl's format").env('IPPOOL_CONFIG'))
    .addOption(
      new Option('--certificate-authority <file>', "CA certificates (PEM) of the server's certificate").env(
        'IPPOOL_CA_FILE',
      ),
    )
    .addOption(new Option('--client-certificate <file>', 'client certificate (PEM)').env('IPPOOL_CERT_FILE'))
    .addOption(new Option('--client-key <file>', 'key (PEM) of the client certificate').env('IPPOOL_KEY_FILE'))
    .option('--insecure-skip-tls-verify', "do not verify the server's certificate")
    .addOption(new Option('--timeout <seconds>', 'how long a call may take, retries included').argParser(seconds))
  addCommands(program, { io, session })
  return program
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 86_400))
    throw new InvalidArgumentError('It must be a number of seconds, from above 0 to 86400.')
  return value
}

/** Prints why a command failed, and gives its exit code. */
function report(problem: unknown, io: Io): ExitCode {
  // Help and the version end a command, too; its message has been printed.
  if (problem instanceof CommanderError) return problem.exitCode === 0 ? exitCodes.done : exitCodes.usage
  if (!(problem instanceof Failure)) {
    const text = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem)
    note(io, `ippool: this is a bug of ippool: ${text}`)
    return exitCodes.failure
  }
  const lines = problem.message.split('\n').map(visible)
  note(io, `ippool: ${lines.join('\n')}`)
  if (problem.advice !== undefined) note(io, `  ${problem.advice}`)
  return problem.exitCode
}

function version(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown'
}
