import { randomUUID } from 'node:crypto'
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identify, isRunning, isSystemError, type ProcessIdentity } from './processes.ts'

/** The right of this process to use a data directory, until released or until the process ends, however it ends. */
export interface Claim {
  release(): Promise<void>
}

export type ClaimOutcome =
  | { readonly ok: true; readonly claim: Claim }
  /** Another process has the directory, and is running. */
  | { readonly ok: false; readonly ownerPid: number }

/** What a claim file says when its process has given the directory back. */
const released: ProcessIdentity = { pid: 0, start: '' }

/**
 * Claims a data directory for this process, unless a running process has it.
 *
 * Claims are numbered files, `owner.<n>.json`, and the highest number counts. Making a file with a number that exists fails, so of
 * several processes that see the same dead owner only one can succeed it. The highest file is never removed, not
 * even on release, so numbers only grow, and a slow process cannot make a low number count again.
 */
export async function claimDirectory(directory: string): Promise<ClaimOutcome> {
  const self = identify(process.pid)
  if (self === undefined) throw new Error('The system does not tell when this process was started.')
  for (;;) {
    const latest = await latestNumber(directory)
    if (latest > 0) {
      const owner = await readOwner(fileOf(directory, latest))
      if (owner === 'gone') continue
      if (owner !== undefined && isRunning(owner)) return { ok: false, ownerPid: owner.pid }
    }
    const file = fileOf(directory, latest + 1)
    if (!(await create(file, self))) continue
    if ((await latestNumber(directory)) === latest + 1) {
      await removeBelow(directory, latest + 1)
      return { ok: true, claim: { release: () => replace(file, released) } }
    }
    // Others went on in the meantime: what was claimed is a number that does not count.
    await rm(file, { force: true })
  }
}

function fileOf(directory: string, number: number): string {
  return join(directory, `owner.${number}.json`)
}

async function claimNumbers(directory: string): Promise<number[]> {
  return (await readdir(directory)).flatMap((name) => {
    const [, number] = /^owner\.([1-9]\d{0,14})\.json$/.exec(name) ?? []
    return number === undefined ? [] : [Number(number)]
  })
}

async function latestNumber(directory: string): Promise<number> {
  return Math.max(0, ...(await claimNumbers(directory)))
}

async function removeBelow(directory: string, number: number): Promise<void> {
  const older = (await claimNumbers(directory)).filter((candidate) => candidate < number)
  await Promise.all(older.map((candidate) => rm(fileOf(directory, candidate), { force: true })))
}

/** Undefined for a file that is not a claim, as a crash of the machine may leave it: its owner cannot be alive. */
async function readOwner(file: string): Promise<ProcessIdentity | undefined | 'gone'> {
  try {
    const owner: unknown = JSON.parse(await readFile(file, 'utf8'))
    const isClaim = typeof owner === 'object' && owner !== null && 'pid' in owner && 'start' in owner
    return isClaim && typeof owner.pid === 'number' && typeof owner.start === 'string'
      ? { pid: owner.pid, start: owner.start }
      : undefined
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 'gone'
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Makes a file with its content at once, so that nobody sees half of it. False when there is one of that name. */
async function create(file: string, owner: ProcessIdentity): Promise<boolean> {
  const draft = await writeDraft(file, owner)
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function replace(file: string, owner: ProcessIdentity): Promise<void> {
  await rename(await writeDraft(file, owner), file)
}

async function writeDraft(file: string, owner: ProcessIdentity): Promise<string> {
  const draft = `${file}.${randomUUID()}`
  await writeFile(draft, `${JSON.stringify(owner)}\n`, { mode: 0o600 })
  return draft
}
