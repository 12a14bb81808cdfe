import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { type PolicyReading, readAuditPolicy } from '../audit/index.ts'

/** Reads a policy from a file in YAML or JSON. A file that cannot be read is reported as a problem, too. */
export async function readAuditPolicyFile(path: string): Promise<PolicyReading> {
  try {
    const document: unknown = parse(await readFile(path, 'utf8'), { maxAliasCount: 0 })
    return readAuditPolicy(document)
  } catch (error) {
    return { ok: false, problems: [error instanceof Error ? error.message : String(error)] }
  }
}
