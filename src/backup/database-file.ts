import { type FileHandle, open } from 'node:fs/promises'
import { BackupFailure } from './failure.ts'

/**
 * Reads etcd's database file, a B+ tree of bbolt, as far as the newest revision: etcd does not say which one a snapshot has.
 * @see https://github.com/etcd-io/bbolt: internal/common/page.go, meta.go, bucket.go
 */

const magic = 0xed0cdaed
const leafFlag = 0x02
const headerBytes = 16

/** A page, or the page inside of a small bucket. */
interface Page {
  readonly bytes: Buffer
  readonly isLeaf: boolean
  readonly count: number
}

/** The newest revision in a database file, 1 if it has none, as etcd counts. Throws a {@link BackupFailure} if it is no such file. */
export async function newestRevision(file: string): Promise<bigint> {
  const handle = await open(file, 'r')
  try {
    const tree = await DatabaseFile.open(handle)
    const keys = await tree.bucket('key')
    const last = await tree.lastKey(keys)
    // A revision: 8 bytes for the transaction, then the change in it.
    return last === undefined ? 1n : last.readBigUInt64BE(0)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new BackupFailure('damaged', `${file} is no database of etcd: it ends too early`, { cause: error })
  } finally {
    await handle.close()
  }
}

class DatabaseFile {
  readonly #handle: FileHandle
  readonly #pageBytes: number
  readonly #root: bigint

  private constructor(handle: FileHandle, pageBytes: number, root: bigint) {
    this.#handle = handle
    this.#pageBytes = pageBytes
    this.#root = root
  }

  /** Reads the first meta page; a snapshot has the same root in both. */
  static async open(handle: FileHandle): Promise<DatabaseFile> {
    const meta = await readAt(handle, headerBytes, 64)
    if (meta.readUInt32LE(0) !== magic)
      throw new BackupFailure('damaged', 'It is no database of etcd: it does not begin as one')
    return new DatabaseFile(handle, meta.readUInt32LE(8), meta.readBigUInt64LE(16))
  }

  /** The root page of a bucket. */
  async bucket(name: string): Promise<Page> {
    const page = await this.#page(this.#root)
    if (!page.isLeaf) throw new BackupFailure('damaged', 'It is no database of etcd: it has too many buckets')
    for (let index = 0; index < page.count; index++) {
      const { key, value } = leafElement(page, index)
      if (key.toString() !== name) continue
      const root = value.readBigUInt64LE(0)
      return root === 0n ? pageOf(value.subarray(headerBytes)) : this.#page(root)
    }
    throw new BackupFailure('damaged', `It is no database of etcd: it has no bucket "${name}"`)
  }

  /** The last key below a page; undefined if there is none. */
  async lastKey(page: Page): Promise<Buffer | undefined> {
    if (page.count === 0) return undefined
    if (page.isLeaf) return leafElement(page, page.count - 1).key
    const at = headerBytes + (page.count - 1) * headerBytes
    return this.lastKey(await this.#page(page.bytes.readBigUInt64LE(at + 8)))
  }

  async #page(id: bigint): Promise<Page> {
    const position = Number(id) * this.#pageBytes
    const head = await readAt(this.#handle, position, headerBytes)
    return pageOf(await readAt(this.#handle, position, (head.readUInt32LE(12) + 1) * this.#pageBytes))
  }
}

function pageOf(bytes: Buffer): Page {
  return { bytes, isLeaf: (bytes.readUInt16LE(8) & leafFlag) !== 0, count: bytes.readUInt16LE(10) }
}

function leafElement({ bytes }: Page, index: number): { readonly key: Buffer; readonly value: Buffer } {
  const at = headerBytes + index * headerBytes
  const start = at + bytes.readUInt32LE(at + 4)
  const middle = start + bytes.readUInt32LE(at + 8)
  return { key: bytes.subarray(start, middle), value: bytes.subarray(middle, middle + bytes.readUInt32LE(at + 12)) }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}
