import { affinities, type Affinity, parseAffinityKey } from '../../model/index.ts'
import { formatCidr } from '../../net/index.ts'
import type { Listed } from '../../plan/index.ts'
import { type Finding, finding } from './finding.ts'
import type { KnownBlocks } from './handle-findings.ts'
import { unreadable } from './terms.ts'

/** What differs between a claim and the blocks; `isExpected` says that the block is affine to the owner of the claim. */
export function claimFindings(entry: Listed<Affinity>, isExpected: boolean, known: KnownBlocks): readonly Finding[] {
  if (entry.kind === 'unreadable') return isHostMarker(entry.key) ? [] : [unreadable(entry)]
  const claim = parseAffinityKey(entry.key)
  if (claim === undefined || known.unreadable.has(formatCidr(claim.cidr))) return []
  const cidr = formatCidr(claim.cidr)
  const { state } = entry.value
  if (isExpected) {
    if (state === 'confirmed') return []
    return [finding('AffinityUnfinished', entry, `The claim on ${cidr} is ${state}; it should be confirmed.`)]
  }
  if (known.readable.has(claim.cidr)) {
    const message = `The block ${cidr} is not affine to ${claim.owner.name}; the claim should not exist.`
    return [finding('AffinityOfOther', entry, message)]
  }
  return [finding('AffinityWithoutBlock', entry, `There is no block ${cidr}; the claim should not exist.`)]
}

/** A block that is affine to an owner without a claim; `key` is that of the claim. */
export function missingClaim(key: string): Finding {
  const message = 'The block is affine to this owner; there should be a confirmed claim.'
  return finding('AffinityMissing', { key, revision: 0n }, message)
}

/** A marker of a host, which old Calico left and nobody reads. @see docs/calico/formats.md section 1.1 */
function isHostMarker(key: string): boolean {
  return key.startsWith(affinities.prefix) && !key.includes('/', affinities.prefix.length)
}
