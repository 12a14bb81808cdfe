import type { ISnapshotResponse } from 'etcd3'
import type { Revision } from '../../plan/index.ts'
import { DatastoreUnavailable } from '../faults.ts'
import { EtcdClient, type EtcdConnection, unavailable } from './client.ts'

/** A part of etcd's database file. */
export interface SnapshotChunk {
  readonly bytes: Buffer
  /** How many bytes follow; the checksum at the end, of 32 bytes, does not count. */
  readonly remainingBytes: number
}

/** The database of one member of etcd, while it is read. */
export interface Snapshot {
  readonly endpoint: string
  readonly version: string
  /** The ids of the cluster and of the member, in hexadecimal as etcdctl prints them. */
  readonly cluster: string
  readonly member: string
  /** A revision that etcd had reached before: the snapshot is not older. */
  readonly atLeast: Revision
  /** The file, whose last 32 bytes are the SHA-256 of all others. Throws {@link DatastoreUnavailable} when the stream ends early. */
  chunks(): AsyncGenerator<SnapshotChunk, void>
  /** The number of keys at `revision`; undefined if etcd cannot tell, because it has compacted that revision meanwhile. */
  countKeys(revision: Revision): Promise<number | undefined>
  close(): void
}

/** A member that sends nothing for so long is given up. */
const silenceMaxMs = 30_000

/**
 * Opens a snapshot of a member that answers. Without `hasQuorum`, it may be one that is cut off from the others: then changes may be missing
 * that they have acknowledged. Throws {@link DatastoreUnavailable} if no member answers, or if etcd refuses.
 */
export async function openSnapshot(connection: EtcdConnection, hasQuorum: boolean): Promise<Snapshot> {
  const client = new EtcdClient(connection)
  try {
    // A linearizable read: the member has applied everything that was acknowledged before, so it is in the snapshot.
    const { header } = await client.range({ key: Buffer.from('\0'), count_only: true, serializable: !hasQuorum })
    const { endpoint } = client
    const versions = await client.versions()
    return {
      endpoint,
      version: versions.find((one) => one.endpoint === endpoint)?.version ?? '',
      cluster: BigInt(header.cluster_id).toString(16),
      member: BigInt(header.member_id).toString(16),
      atLeast: BigInt(header.revision),
      chunks: () => readChunks(client),
      countKeys: (revision) => countKeys(client, revision, hasQuorum),
      close: () => {
        client.close()
      },
    }
  } catch (fault) {
    client.close()
    throw fault
  }
}

async function* readChunks(client: EtcdClient): AsyncGenerator<SnapshotChunk, void> {
  const stream = await client.snapshot()
  const timer = setTimeout(() => {
    stream.destroy(
      new DatastoreUnavailable('ServiceUnavailable', `etcd has sent nothing for ${silenceMaxMs / 1_000} s`),
    )
  }, silenceMaxMs)
  try {
    for await (const response of stream) {
      timer.refresh()
      if (!isChunk(response)) throw new Error('etcd has sent something that is no part of a snapshot')
      yield { bytes: response.blob, remainingBytes: Number(response.remaining_bytes) }
      // The reader may have been slow.
      timer.refresh()
    }
  } catch (fault) {
    throw unavailable(fault)
  } finally {
    clearTimeout(timer)
    stream.destroy()
  }
}

function isChunk(response: unknown): response is Pick<ISnapshotResponse, 'blob' | 'remaining_bytes'> {
  return typeof response === 'object' && response !== null && 'blob' in response && Buffer.isBuffer(response.blob)
}

async function countKeys(client: EtcdClient, revision: Revision, hasQuorum: boolean): Promise<number | undefined> {
  const all = { key: Buffer.from('\0'), range_end: Buffer.from('\0'), count_only: true, serializable: !hasQuorum }
  try {
    const { count } = await client.range({ ...all, revision: String(revision) })
    return Number(count)
  } catch {
    return undefined
  }
}
