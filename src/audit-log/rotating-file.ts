import * as fs from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { promisify } from 'node:util'

const files = {
  close: promisify(fs.close),
  fstat: promisify(fs.fstat),
  open: promisify(fs.open),
  read: promisify(fs.read),
  write: promisify(fs.write),
}

/** When a file is put aside, and how many of these are kept. */
export interface Rotation {
  /** A file does not get larger, unless by one write. */
  readonly sizeMaxBytes: number
  /** Files that are kept beside the one that is written to; 0 for all. */
  readonly backupsMax: number
  /** Days after which a file that was put aside is removed; 0 for never. */
  readonly ageMaxDays: number
}

/** How often it is looked whether somebody has moved the file. */
const lookIntervalMs = 1_000

const standardOutput = 1

/**
 * A file that is appended to. One that gets too large is renamed, as kube-apiserver names it, and a new one is begun; what somebody else
 * has renamed or removed is begun anew within a second, so that logrotate needs no signal. `-` is standard output, which has no rotation;
 * nor has anything else that is no regular file.
 */
export class RotatingFile {
  readonly #path: string
  readonly #rotation: Rotation
  #file = standardOutput
  #isRegular = false
  #size = 0
  #inode = 0
  #lookedAt = 0

  private constructor(path: string, rotation: Rotation) {
    this.#path = path
    this.#rotation = rotation
  }

  /** Opens the file, and creates it for its owner alone if it does not exist. Throws if that cannot be done. */
  static async open(path: string, rotation: Rotation): Promise<RotatingFile> {
    const file = new RotatingFile(path, rotation)
    if (path !== '-') await file.#open()
    return file
  }

  /** Begins a new file if somebody has moved this one. True if it did. */
  async follow(): Promise<boolean> {
    if (!this.#isRegular || !(await this.#isMoved())) return false
    await this.#reopen()
    return true
  }

  /** Begins a new file if this one has no room for `bytes`. True if it did. */
  async rotate(bytes: number): Promise<boolean> {
    if (!this.#isRegular || this.#size === 0 || this.#size + bytes <= this.#rotation.sizeMaxBytes) return false
    await this.#putAside()
    await this.#reopen()
    return true
  }

  /** Writes some of the bytes, at least one, and returns how many. Throws if that cannot be done. */
  async write(bytes: Buffer): Promise<number> {
    const { bytesWritten } = await files.write(this.#file, bytes)
    this.#size += bytesWritten
    return bytesWritten
  }

  /** Makes the next {@link follow} look at once whether the file was moved. */
  lookAgain(): void {
    this.#lookedAt = 0
  }

  /** Removes files that were put aside, and are too many or too old by now. */
  async prune(): Promise<void> {
    const { backupsMax, ageMaxDays } = this.#rotation
    const folder = dirname(this.#path)
    const oldest = ageMaxDays === 0 ? '' : stampOf(Date.now() - ageMaxDays * 86_400_000)
    const stamps = (await readdir(folder)).flatMap((name) => this.#stampIn(name) ?? []).toSorted()
    const kept = backupsMax === 0 ? stamps : stamps.slice(-backupsMax)
    const outdated = stamps.filter((stamp) => !kept.includes(stamp) || stamp < oldest)
    for (const stamp of outdated) await rm(join(folder, this.#backup(stamp)), { force: true })
  }

  async close(): Promise<void> {
    if (this.#file !== standardOutput) await files.close(this.#file)
  }

  async #open(): Promise<void> {
    const file = await files.open(this.#path, 'a+', 0o600)
    const status = await files.fstat(file)
    this.#file = file
    this.#isRegular = status.isFile()
    this.#size = status.size
    this.#inode = status.ino
    // The process that wrote the last line was killed.
    const { size } = status
    if (this.#isRegular && size > 0 && !(await endsWithLine(file, size))) await this.write(Buffer.of(lineBreak))
  }

  async #reopen(): Promise<void> {
    const former = this.#file
    await this.#open()
    await files.close(former)
  }

  async #isMoved(): Promise<boolean> {
    const now = performance.now()
    if (this.#lookedAt > 0 && now - this.#lookedAt < lookIntervalMs) return false
    this.#lookedAt = now
    const found = await stat(this.#path).catch(() => undefined)
    return found?.ino !== this.#inode
  }

  async #putAside(): Promise<void> {
    const folder = dirname(this.#path)
    const taken = new Set((await readdir(folder)).map((name) => this.#stampIn(name)))
    let time = Date.now()
    while (taken.has(stampOf(time))) time++
    await rename(this.#path, join(folder, this.#backup(stampOf(time))))
    // Until the new file is there, what is written goes on into the old one.
    this.lookAgain()
  }

  /** `audit.log` becomes `audit-2026-11-30T04-00-01.500.log`. */
  #backup(stamp: string): string {
    const extension = extname(this.#path)
    return `${basename(this.#path, extension)}-${stamp}${extension}`
  }

  #stampIn(name: string): string | undefined {
    const [stamp] = /\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}/.exec(name) ?? []
    return stamp !== undefined && name === this.#backup(stamp) ? stamp : undefined
  }
}

/** The time in UTC, without colons: not every file system allows them. */
function stampOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, -1).replaceAll(':', '-')
}

async function endsWithLine(file: number, size: number): Promise<boolean> {
  const { buffer } = await files.read(file, Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] === lineBreak
}

/** The byte at the end of a line. */
export const lineBreak = 0x0a
