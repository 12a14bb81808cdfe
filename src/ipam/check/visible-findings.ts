import type { Action, Rights } from '../../access/index.ts'
import { handles, parseAffinityKey, parseBlockKey, pools as poolFamily } from '../../model/index.ts'
import { hostCidr, parseAddress, parseCidr } from '../../net/index.ts'
import { type Reach, reachOf } from '../reach.ts'
import type { Finding } from './finding.ts'
import type { CheckTerms } from './terms.ts'

/**
 * Returns a test for the findings that a caller may see: those in pools where `action` on addresses is allowed, if all pools, blocks and
 * handles that the finding names are within reach.
 */
export function findingFilter(rights: Rights, action: Action, { pools }: CheckTerms): (found: Finding) => boolean {
  const all = { all: pools, unreadable: [] }
  const reach = reachOf(rights, all, action)
  if (reach.isUnlimited) return () => true
  const isPool = (name: string): boolean =>
    pools.some((pool) => pool.name === name && reach.includesPool(pool, undefined))
  return (found) => {
    if (found.key.startsWith(poolFamily.prefix)) {
      const other = found.code === 'PoolsOverlap' ? found.subject : undefined
      return isPool(found.key.slice(poolFamily.prefix.length)) && (other === undefined || isPool(other))
    }
    return isInReach(found, reach)
  }
}

function isInReach({ key, code, subject }: Finding, reach: Reach): boolean {
  if (key.startsWith(handles.prefix)) {
    const handle = key.slice(handles.prefix.length)
    const cidr = subject === undefined ? undefined : parseCidr(subject)
    return cidr === undefined ? reach.includesHandle(handle) : reach.includes(cidr, handle)
  }
  const cidr = parseBlockKey(key) ?? parseAffinityKey(key)?.cidr
  if (cidr === undefined) {
    const address = subject === undefined ? undefined : parseAddress(subject)
    return address !== undefined && reach.includes(hostCidr(address), undefined)
  }
  const isAboutTwo = code === 'BlocksOverlap' || code === 'AddressInTwoBlocks'
  const other = isAboutTwo && subject !== undefined ? parseCidr(subject) : cidr
  return reach.includes(cidr, undefined) && other !== undefined && reach.includes(other, undefined)
}
