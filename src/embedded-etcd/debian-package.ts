import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Environment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'

const run = promisify(execFile)

/** Give up on a mirror that does not answer, instead of letting the start hang. */
const patience = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20']

/** A program in one of Debian's packages. */
export interface DebianProgram {
  /** The name of the package. */
  readonly from: string
  /** The name of the program, which lies in `/usr/bin`. */
  readonly program: string
}

/**
 * Fetches a package of Debian's and puts a program in it at `target`, without installing anything. `check` may refuse the
 * program by throwing. Several processes may do so at once: each works in a folder of its own, and the last step is a rename.
 * Throws {@link EtcdStartFailure}, with a message that ends without a full stop.
 */
export async function fetchDebianProgram(
  { from, program }: DebianProgram,
  target: string,
  environment: Environment,
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
 * The machine's package lists may be missing, as in most container images, or be so old that the mirror has a newer package. Then
 * lists are fetched that nobody else uses: that needs no rights, and changes nothing of the machine.
 */
async function download(
  name: string,
  workshop: string,
  command: (command: string, args: readonly string[]) => Promise<{ readonly stderr: string }>,
): Promise<void> {
  try {
    await command('apt-get', [...patience, 'download', name])
  } catch (error) {
    if (isMissing(error)) throw error
    const lists = join(workshop, 'lists')
    const cache = join(workshop, 'cache')
    await mkdir(join(lists, 'partial'), { recursive: true })
    await mkdir(join(cache, 'archives', 'partial'), { recursive: true })
    const privately = [...patience, '-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`]
    const { stderr } = await command('apt-get', [...privately, 'update'])
    try {
      await command('apt-get', [...privately, 'download', name])
    } catch (cause) {
      // An update does without mirrors that do not answer. When the package is missing then, that is why.
      const unanswered = stderr.split('\n').find((line) => line.startsWith('W: Failed to fetch'))
      throw unanswered === undefined ? cause : new EtcdStartFailure(unanswered.trim(), { cause })
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** In a few words: the last error that apt-get or dpkg printed, if it was one of them. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (isMissing(error)) return 'this system has no apt-get'
  const printed = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.split('\n') : []
  const complaint = printed.filter((line) => /^(E|Err|dpkg\S*):/.test(line)).at(-1)
  return (complaint ?? error.message.split('\n', 1)[0] ?? '').replace(/\.$/, '')
}
