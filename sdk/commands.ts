import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** How to run a command. */
export interface CommandOptions {
  readonly cwd?: string
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** The output of a command: standard output and standard error. */
export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs a command to its end. Throws when there is no such command. */
export async function runToEnd(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...ownEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const collect = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  await once(child, 'close')
  return { code: child.exitCode, output }
}

/** Runs a command and gives what it printed. Throws with that when the command fails. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, output } = await runToEnd(command, args, options)
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code}:\n${output}`)
  return output
}

/** The first line that a command prints about itself; undefined if there is no such command. */
export async function versionOf([command = '', ...args]: readonly string[]): Promise<string | undefined> {
  try {
    const { code, output } = await runToEnd(command, args)
    return code === 0
      ? output
          .replaceAll(/\u001b\[[\d;]*m/g, '')
          .split('\n')[0]
          ?.trim()
      : undefined
  } catch {
    return undefined
  }
}

/** The environment without what makes Node.js load a test runner. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: undefined }
}
