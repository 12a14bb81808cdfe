import { readFile } from 'node:fs/promises'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { isSystemError } from '../embedded-etcd/index.ts'
import { BackupFailure, messageOf } from './failure.ts'

const manifestSchema = Type.Object({
  kind: Type.Literal('ippoold-backup'),
  version: Type.Literal(1),
  /** Of the file of the snapshot. */
  bytes: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  takenAt: Type.String(),
  /** Of etcd. All changes up to it are in the snapshot, and no others. */
  revision: Type.String({ pattern: '^[0-9]+$' }),
  /** The number of keys at the revision; null if etcd could not tell. */
  keys: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  etcd: Type.Object({
    endpoint: Type.String(),
    version: Type.String(),
    /** The ids of the cluster and of the member, in hexadecimal. */
    cluster: Type.String(),
    member: Type.String(),
  }),
})

/** The contents of a backup, in a file beside it. */
export type Manifest = Static<typeof manifestSchema>

/** The path of the manifest of a backup. */
export function manifestOf(file: string): string {
  return `${file}.json`
}

/** Reads the manifest of a backup; undefined if there is none. Throws a {@link BackupFailure} if it is no manifest. */
export async function readManifest(file: string): Promise<Manifest | undefined> {
  const path = manifestOf(file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw new BackupFailure('damaged', `${path} cannot be read: ${messageOf(error)}`)
  }
  const manifest = parse(text)
  if (Value.Check(manifestSchema, manifest)) return manifest
  const [problem] = Value.Errors(manifestSchema, manifest)
  const where = problem === undefined ? '' : ` (${problem.path || 'the whole'}: ${problem.message})`
  throw new BackupFailure(
    'damaged',
    `${path} is no manifest of a backup${where}; give the backup and the file beside it as they were written`,
  )
}

/** Prints a manifest as it is stored. */
export function printManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
