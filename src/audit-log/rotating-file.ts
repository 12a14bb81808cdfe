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

/** The limits on the size of a file, and on the number and age of old ones. */
export interface Rotation {
  /** The largest size of a file, unless one write is larger. */
  readonly sizeMaxBytes: number
  /** Old files that are kept; 0 for all. */
  readonly backupsMax: number
  /** Days after which an old file is removed; 0 for never. */
  readonly ageMaxDays: number
}

/** The time between two checks whether the file was moved. */
const lookIntervalMs = 1_000

const standardOutput = 1

/**
 * A file to append to. If it gets too large, it is renamed as kube-apiserver does, and a new one is created. If another program renames
 * or removes it, a new one is created within a second, so logrotate needs no signal. Standard output (`-`), and anything else that is no
 * regular file, is not rotated.
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

  /** Creates a new file if another program has moved this one; returns true then. */
  async follow(): Promise<boolean> {
    if (!this.#isRegular || !(await this.#isMoved())) return false
    await this.#reopen()
    return true
  }

  /** Creates a new file if this one has no room for `bytes`; returns true then. */
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

  /** Removes old files that are too many or too old. */
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
    // The last line may be incomplete: the process that wrote it was killed.
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
    // Until the new file exists, events are written to the renamed one.
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
