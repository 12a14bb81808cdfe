import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ProcessEnvironment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'

const run = promisify(execFile)

/** Limits the wait for a mirror that does not answer: otherwise the start would hang. */
const timeouts = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20']

/** A program in one of Debian's packages. */
export interface DebianProgram {
  /** The name of the package. */
  readonly from: string
  /** The name of the program, a file in `/usr/bin`. */
  readonly program: string
}

/**
 * Fetches a Debian package and puts one of its programs at `target`, without installing anything. `check` may refuse the program by
 * throwing. Several processes may do this at once: each works in its own folder, and the last step is a rename. Throws
 * {@link EtcdStartFailure} with a message that has no full stop at the end.
 */
export async function fetchDebianProgram(
  { from, program }: DebianProgram,
  target: string,
  environment: ProcessEnvironment,
  check: (path: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(target)
  await mkdir(folder, { recursive: true })
  const workshop = await mkdtemp(join(folder, 'fetch-'))
  try {
    const options = { cwd: workshop, env: { ...environment, LC_ALL: 'C' }, timeout: 300_000, maxBuffer: 2 ** 24 }
    await download(from, workshop, (command, args) => run(command, [...args], options))
    const archive = (await readdir(workshop)).find((name) => name.endsWith('.deb'))
    if (archive === undefined) throw new EtcdStartFailure('apt-get fetched nothing')
    await run('dpkg', ['-x', archive, 'unpacked'], options)
    const binary = join(workshop, 'unpacked', 'usr', 'bin', program)
    await check(binary)
    await rename(binary, target)
  } catch (error) {
    throw error instanceof EtcdStartFailure ? error : new EtcdStartFailure(explain(error), { cause: error })
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

/**
 * Downloads a package. The package lists of the machine may be missing, as in most container images, or so old that the mirror has only a
 * newer package; then this fetches lists into its own folder, which needs no privileges and does not change the machine.
 */
async function download(
  name: string,
  workshop: string,
  command: (command: string, args: readonly string[]) => Promise<{ readonly stderr: string }>,
): Promise<void> {
  try {
    await command('apt-get', [...timeouts, 'download', name])
  } catch (error) {
    if (isMissing(error)) throw error
    const lists = join(workshop, 'lists')
    const cache = join(workshop, 'cache')
    await mkdir(join(lists, 'partial'), { recursive: true })
    await mkdir(join(cache, 'archives', 'partial'), { recursive: true })
    const privately = [...timeouts, '-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`]
    const { stderr } = await command('apt-get', [...privately, 'update'])
    try {
      await command('apt-get', [...privately, 'download', name])
    } catch (cause) {
      // `apt-get update` succeeds even if a mirror does not answer; that is then why the package is missing.
      const unanswered = stderr.split('\n').find((line) => line.startsWith('W: Failed to fetch'))
      throw unanswered === undefined ? cause : new EtcdStartFailure(unanswered.trim(), { cause })
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** Returns the last error that apt-get or dpkg printed, else the error's own message. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (isMissing(error)) return 'this system has no apt-get'
  const printed = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.split('\n') : []
  const complaint = printed.filter((line) => /^(E|Err|dpkg\S*):/.test(line)).at(-1)
  return (complaint ?? error.message.split('\n', 1)[0] ?? '').replace(/\.$/, '')
}
