import { createHash } from 'node:crypto'

/** etcd ends a snapshot with the SHA-256 of all that is before it. */
const checksumBytes = 32

/** Both checksums of a snapshot while it goes by: the one that it ends with, and ours over all of it. */
export class SnapshotChecksum {
  readonly #database = createHash('sha256')
  readonly #whole = createHash('sha256')
  /** The last bytes, which may be the checksum. */
  #tail = Buffer.alloc(0)
  #bytes = 0

  update(chunk: Buffer): void {
    this.#bytes += chunk.length
    this.#whole.update(chunk)
    const held = Buffer.concat([this.#tail, chunk])
    const end = Math.max(0, held.length - checksumBytes)
    this.#database.update(held.subarray(0, end))
    this.#tail = held.subarray(end)
  }

  /** Ends the counting. `problem` is a phrase, undefined if the snapshot is whole; `sha256` is in hexadecimal, and of all bytes. */
  end(): { readonly bytes: number; readonly sha256: string; readonly problem: string | undefined } {
    const isWhole = this.#database.digest().equals(this.#tail)
    // As etcdctl tells a snapshot from a copy of the database file: pages are multiples of 512.
    const hasChecksum = this.#bytes % 512 === checksumBytes
    const problem = hasChecksum ? 'does not match the checksum at its end' : 'does not end with a checksum of etcd'
    return {
      bytes: this.#bytes,
      sha256: this.#whole.digest('hex'),
      problem: hasChecksum && isWhole ? undefined : problem,
    }
  }
}
