import {
  affinities,
  type Affinity,
  affinityKey,
  type Block,
  hostOf,
  parseAffinityKey,
  virtualAffinities,
} from '../../model/index.ts'
import { formatCidr } from '../../net/index.ts'
import type { Listed } from '../../plan/index.ts'
import type { KnownBlocks } from './block-set.ts'
import { type Finding, newFinding } from './finding.ts'
import { Merge } from './merge.ts'
import { reportUnreadable } from './terms.ts'

/** Compares the stored affinities with the blocks: every block that names an owner should have one, confirmed. */
export function mergeAffinities(known: KnownBlocks, windowSize: number): Merge<Affinity, true> {
  return new Merge<Affinity, true>(
    {
      families: [affinities, virtualAffinities],
      compare: (entry, isExpected) => checkAffinity(entry, isExpected === true, known),
      missing: (key) => [reportMissingAffinity(key)],
    },
    windowSize,
  )
}

/** Notes the affinity that should be stored for `block`. */
export function expectAffinity(merge: Merge<Affinity, true>, block: Block): void {
  const host = hostOf(block)
  if (host !== undefined) merge.expect(affinityKey(host, block.cidr).text, () => true)
}

/** Compares one affinity with the blocks. `isExpected` is true if the block names the owner of the affinity. */
function checkAffinity(entry: Listed<Affinity>, isExpected: boolean, known: KnownBlocks): readonly Finding[] {
  if (entry.kind === 'unreadable') return isHostMarker(entry.key) ? [] : [reportUnreadable(entry)]
  const affinity = parseAffinityKey(entry.key)
  if (affinity === undefined || known.unreadable.has(formatCidr(affinity.cidr))) return []
  const cidr = formatCidr(affinity.cidr)
  const { state } = entry.value
  if (isExpected) {
    if (state === 'confirmed') return []
    return [newFinding('AffinityUnfinished', entry, `The affinity to ${cidr} is ${state}; it should be confirmed.`)]
  }
  if (known.all.has(affinity.cidr)) {
    const message = `The block ${cidr} is not affine to ${affinity.host.name}; the affinity should not exist.`
    return [newFinding('AffinityOfOther', entry, message)]
  }
  return [newFinding('AffinityWithoutBlock', entry, `The block ${cidr} does not exist; neither should the affinity.`)]
}

/** Reports a block that names an owner without an affinity; `key` is that of the affinity. */
function reportMissingAffinity(key: string): Finding {
  const message = 'The block names this owner; there should be a confirmed affinity.'
  return newFinding('AffinityMissing', { key, revision: 0n }, message)
}

/** A marker of a host, which old versions of Calico left behind and nothing reads. @see docs/calico/formats.md section 1.1 */
function isHostMarker(key: string): boolean {
  return key.startsWith(affinities.prefix) && !key.includes('/', affinities.prefix.length)
}
