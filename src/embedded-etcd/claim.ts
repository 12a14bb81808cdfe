import { randomUUID } from 'node:crypto'
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identify, isRunning, isSystemError, type ProcessIdentity } from './processes.ts'

/** The right of this process to use a data directory, until it releases the right or ends in any way. */
export interface DirectoryClaim {
  release(): Promise<void>
}

export type ClaimOutcome =
  | { readonly ok: true; readonly claim: DirectoryClaim }
  /** A running process has the directory. */
  | { readonly ok: false; readonly ownerPid: number }

/** Content of a claim file after its process released the directory. */
const released: ProcessIdentity = { pid: 0, start: '' }

/**
 * Claims a data directory for this process, unless a running process has it.
 *
 * Claims are numbered files, `owner.<n>.json`; the highest number counts. Creating an existing file fails, so only one of several
 * processes that see the same dead owner can follow it. The highest file is never removed, even on release: numbers only grow, and a
 * slow process cannot make a low number count again.
 */
export async function claimDirectory(directory: string): Promise<ClaimOutcome> {
  const self = identify(process.pid)
  if (self === undefined) throw new Error('Cannot find out when this process was started.')
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
    // Other processes claimed higher numbers in the meantime: this claim does not count.
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

/** Undefined for a file without a valid claim, which a crash of the machine may leave: its owner cannot be running. */
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

/** Creates a file atomically with its content. False if a file of that name exists. */
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
