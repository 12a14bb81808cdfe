import { parseBlockKey } from '../../model/index.ts'
import { covers } from '../../net/index.ts'
import type { Finding } from './finding.ts'
import type { CheckTerms } from './terms.ts'

/** Addresses that are held and seem to be unused, so that no caller will release them. */
export interface LeakedAddresses {
  /** The first pool, by name, that contains them; undefined if none does. */
  readonly pool: string | undefined
  /** The node that they were assigned for; undefined if their holder names none. */
  readonly node: string | undefined
  readonly addresses: number
}

/** The leaked addresses that a finding reports; undefined for a finding of another kind. */
export function leakOf({ key, leaked }: Finding, { pools }: Pick<CheckTerms, 'pools'>): LeakedAddresses | undefined {
  if (leaked === undefined) return undefined
  const block = parseBlockKey(key)
  const pool = block && pools.find(({ cidr }) => covers(cidr, block))?.name
  return { ...leaked, pool }
}
