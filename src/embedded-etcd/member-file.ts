import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Member } from './member.ts'
import { isSystemError } from './processes.ts'

/**
 * What a data directory remembers about its etcd, in `etcd.json`: the name by which the process is found again after a crash of
 * the server, and its ports, so that it can be reached where it was. Undefined when there was none, or when the file
 * is damaged; etcd's own data do not depend on it.
 */
export async function recallMember(dataDir: string): Promise<Member | undefined> {
  try {
    const stored: unknown = JSON.parse(await readFile(fileOf(dataDir), 'utf8'))
    if (!isStoredMember(stored)) return undefined
    const { name, clientPort, peerPort } = stored
    return { name, clientPort, peerPort, dataDir: join(dataDir, 'etcd') }
  } catch (error) {
    if (error instanceof SyntaxError || isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Remembers a member, before its process is started. */
export async function rememberMember(dataDir: string, member: Member): Promise<void> {
  const { name, clientPort, peerPort } = member
  const draft = `${fileOf(dataDir)}.draft`
  await writeFile(draft, `${JSON.stringify({ name, clientPort, peerPort })}\n`, { mode: 0o600 })
  await rename(draft, fileOf(dataDir))
}

/** A name that no other member has. */
export function newMemberName(): string {
  return `ippoold-${randomBytes(8).toString('hex')}`
}

function isStoredMember(stored: unknown): stored is Omit<Member, 'dataDir'> {
  if (typeof stored !== 'object' || stored === null) return false
  if (!('name' in stored && 'clientPort' in stored && 'peerPort' in stored)) return false
  return typeof stored.name === 'string' && Number.isInteger(stored.clientPort) && Number.isInteger(stored.peerPort)
}

function fileOf(dataDir: string): string {
  return join(dataDir, 'etcd.json')
}
