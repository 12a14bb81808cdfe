import type { Caller } from '../access/index.ts'
import { readCsv } from './csv.ts'
import { hashOf, SecretTable } from './secrets.ts'

/** The users of a token file, by their tokens; or why the file cannot be used. */
export type TokenFileReading =
  | { readonly ok: true; readonly users: SecretTable<Caller>; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problem: string }

/** Shorter tokens are warned of: one that a person chose may be guessed. */
const safeLength = 16

/**
 * Reads a token file as kube-apiserver does: each record is `token,user,uid`, and if wanted `"group1,group2"`. A record with an empty token
 * is skipped, and of two records with the same token the last one counts; both are warned of. No message contains a token.
 */
export function readTokenFile(text: string): TokenFileReading {
  const csv = readCsv(text)
  if (!csv.ok) return csv
  const users = new SecretTable<Caller>()
  const warnings: string[] = []
  for (const { line, fields } of csv.records) {
    const [token, user, uid, groups] = fields
    if (token === undefined || user === undefined || uid === undefined) {
      const problem = `line ${line}: a record has at least the fields token, user and uid, found ${fields.length}`
      return { ok: false, problem }
    }
    if (user === '') return { ok: false, problem: `line ${line}: the user has no name` }
    if (token === '') {
      warnings.push(`line ${line}: the token is empty; the record is skipped`)
      continue
    }
    if (token.length < safeLength) warnings.push(`line ${line}: the token is so short that it can be guessed`)
    const hash = hashOf(token)
    if (users.get(hash) !== undefined) warnings.push(`line ${line}: the token stands in an earlier record too`)
    users.set(hash, { user, uid: uid === '' ? undefined : uid, groups: listOf(groups) })
  }
  return { ok: true, users, warnings }
}

function listOf(groups: string | undefined): readonly string[] {
  return groups === undefined ? [] : groups.split(',').filter((group) => group !== '')
}
