import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { SnapshotChecksum } from './checksum.ts'
import { newestRevision } from './database-file.ts'
import { BackupFailure, messageOf } from './failure.ts'
import { type Manifest, manifestOf, readManifest } from './manifest.ts'

/** A backup that is whole. */
export interface Verified {
  readonly bytes: number
  readonly revision: bigint
  /** Undefined if there is none beside the backup; it matches the backup. */
  readonly manifest: Manifest | undefined
}

/**
 * Verifies a backup: the checksum that etcd has put at its end, the manifest if there is one, and that it is a database of etcd. Tells
 * `progress` how many bytes were read. Throws a {@link BackupFailure}.
 */
export async function verifyBackup(
  file: string,
  progress: (bytes: number, ofBytes: number) => void,
): Promise<Verified> {
  const checksum = new SnapshotChecksum()
  let read = 0
  try {
    const { size } = await stat(file)
    for await (const chunk of createReadStream(file, { highWaterMark: 1_048_576 })) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError('A stream of bytes gives buffers.')
      checksum.update(chunk)
      read += chunk.length
      progress(read, size)
    }
  } catch (error) {
    throw new BackupFailure('damaged', `${file} cannot be read: ${messageOf(error)}`, { cause: error })
  }
  const { bytes, sha256, problem } = checksum.end()
  if (problem !== undefined)
    throw new BackupFailure('damaged', `${file} ${problem}: it is damaged, or no snapshot of etcd. Take another one.`)
  const manifest = await readManifest(file)
  if (manifest !== undefined && (manifest.bytes !== bytes || manifest.sha256 !== sha256)) {
    throw new BackupFailure(
      'damaged',
      `${file} is not the backup that ${manifestOf(file)} describes: its SHA-256 is ${sha256}, not ${manifest.sha256}.`,
    )
  }
  return { bytes, revision: await newestRevision(file), manifest }
}
