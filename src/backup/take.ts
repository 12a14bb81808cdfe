import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatastoreUnavailable } from '../datastore/index.ts'
import { openSnapshot, type Snapshot } from '../datastore/etcd/index.ts'
import { SnapshotChecksum } from './checksum.ts'
import type { Connection } from './connection.ts'
import { newestRevision } from './database-file.ts'
import { BackupFailure, messageOf } from './failure.ts'
import { type Manifest, manifestOf, printManifest } from './manifest.ts'

/** A backup that was taken. */
export interface Taken {
  /** Undefined for a stream: its revision cannot be read back. */
  readonly manifest: Manifest | undefined
  readonly bytes: number
  /** Everything that was acknowledged before this revision is in it. */
  readonly atLeast: bigint
}

type Progress = (bytes: number, ofBytes: number) => void

/**
 * Streams the database of a member of etcd into `target`: a path, where no file may be, or a stream. A file gets its name once it is whole
 * and on disk, and a manifest beside it; only its owner can read it, because it holds hashes of tokens. `hasQuorum` is false for an etcd that
 * has lost most of its members. Throws a {@link BackupFailure}.
 */
export async function takeBackup(
  connection: Connection,
  target: string | NodeJS.WritableStream,
  progress: Progress,
  { hasQuorum = true }: { readonly hasQuorum?: boolean } = {},
): Promise<Taken> {
  if (typeof target === 'string') await requireFree(target)
  let snapshot: Snapshot
  try {
    snapshot = await openSnapshot(connection, hasQuorum)
  } catch (error) {
    throw explain(error, connection)
  }
  try {
    return typeof target === 'string'
      ? await writeFile(snapshot, target, progress)
      : await writeStream(snapshot, target, progress)
  } catch (error) {
    throw explain(error, connection)
  } finally {
    snapshot.close()
  }
}

async function requireFree(file: string): Promise<void> {
  for (const path of [file, manifestOf(file)]) {
    const exists = await stat(path).then(
      () => true,
      () => false,
    )
    if (exists)
      throw new BackupFailure('exists', `${path} exists already, and a backup never replaces another; give a new name`)
  }
}

async function writeFile(snapshot: Snapshot, file: string, progress: Progress): Promise<Taken> {
  const takenAt = new Date().toISOString()
  const draft = `${file}.${randomUUID()}.partial`
  try {
    const { bytes, sha256 } = await writeDraft(draft, (handle) =>
      copy(snapshot, progress, async (chunk) => {
        await handle.writeFile(chunk)
      }),
    )
    const revision = await newestRevision(draft)
    if (revision < snapshot.atLeast) {
      throw new BackupFailure(
        'other',
        `The snapshot is at revision ${revision}, and etcd was at ${snapshot.atLeast} before: take another one`,
      )
    }
    const { endpoint, version, cluster, member } = snapshot
    const keys = (await snapshot.countKeys(revision)) ?? null
    const manifest: Manifest = {
      ...{ kind: 'ippoold-backup', version: 1, bytes, sha256, takenAt, revision: String(revision), keys },
      etcd: { endpoint, version, cluster, member },
    }
    await rename(draft, file)
    await writeDraft(draft, (handle) => handle.writeFile(printManifest(manifest)))
    await rename(draft, manifestOf(file))
    await syncFolder(dirname(file))
    return { manifest, bytes, atLeast: revision }
  } finally {
    await rm(draft, { force: true })
  }
}

/** Writes a new file that only its owner can read, and waits until it is on disk. */
async function writeDraft<Result>(path: string, write: (handle: FileHandle) => Promise<Result>): Promise<Result> {
  const handle = await open(path, 'wx', 0o600)
  try {
    const result = await write(handle)
    await handle.sync()
    return result
  } finally {
    await handle.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function writeStream(snapshot: Snapshot, target: NodeJS.WritableStream, progress: Progress): Promise<Taken> {
  const { bytes } = await copy(snapshot, progress, async (chunk) => {
    if (!target.write(chunk)) await once(target, 'drain')
  })
  return { manifest: undefined, bytes, atLeast: snapshot.atLeast }
}

/** Passes the snapshot on, and verifies it. */
async function copy(
  snapshot: Snapshot,
  progress: Progress,
  write: (chunk: Buffer) => Promise<void>,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const checksum = new SnapshotChecksum()
  let bytes = 0
  for await (const chunk of snapshot.chunks()) {
    checksum.update(chunk.bytes)
    await write(chunk.bytes)
    bytes += chunk.bytes.length
    progress(bytes, bytes + chunk.remainingBytes)
  }
  const { problem, ...found } = checksum.end()
  if (problem !== undefined) throw new BackupFailure('damaged', `What etcd has sent ${problem}: take another one`)
  return found
}

/** Says which etcd it is about, and who may take a backup. */
function explain(error: unknown, { endpoints }: Connection): unknown {
  if (!(error instanceof DatastoreUnavailable))
    return error instanceof Error && 'syscall' in error ? asFailure(error) : error
  const { cause } = error
  const detail = cause instanceof Error ? ` (${cause.message.trim()})` : ''
  const text = `The etcd at ${endpoints.join(', ')} gives no snapshot: ${error.message.replace(/; nothing was changed/, '')}${detail}`
  const isDenied = detail.includes('permission denied')
  if (isDenied)
    return new BackupFailure('denied', `${text}. With users, etcd gives snapshots to root only.`, { cause: error })
  return new BackupFailure('unreachable', text, { cause: error })
}

function asFailure(error: Error): BackupFailure {
  return new BackupFailure('other', `The backup cannot be written: ${messageOf(error)}`, { cause: error })
}
