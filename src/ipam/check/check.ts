import {
  affinities,
  type Affinity,
  affinityKey,
  type Block,
  blockKey,
  blocks,
  type Handle,
  handleKey,
  handles,
  isHandleId,
  ownerOf,
  parseBlockKey,
  virtualAffinities,
} from '../../model/index.ts'
import { type Cidr, formatCidr } from '../../net/index.ts'
import type { Listed } from '../../plan/index.ts'
import { blockFindings, overlapFinding, sharedFindings, type StoredBlock } from './block-findings.ts'
import { BlockSet } from './block-set.ts'
import { claimFindings, missingClaim } from './claim-findings.ts'
import type { Finding } from './finding.ts'
import { handleCounts } from './handle-counts.ts'
import { handleFindings, type KnownBlocks, type Mention, missingHandle } from './handle-findings.ts'
import { Merge } from './merge.ts'
import type { CheckSource } from './source.ts'
import { type CheckTerms, unreadable } from './terms.ts'
import { Uses } from './uses.ts'
import { windowSizeMax } from './window.ts'

/**
 * Everything that is wrong, as it is found. Blocks are the truth; what they say is merged with the handles and the claims in the order
 * of their keys, and compared with what workloads and tunnels use. As all of it may not fit into memory, that is done in windows: a
 * further walk through the blocks for each.
 */
export async function* check(
  source: CheckSource,
  terms: CheckTerms,
  windowSize = windowSizeMax,
): AsyncGenerator<Finding, void> {
  yield* terms.findings
  const known = { readable: new BlockSet(), unreadable: new Map<string, Cidr>() }
  const handleMerge = mergeOfHandles(known, windowSize)
  const claimMerge = mergeOfClaims(known, windowSize)
  const uses = new Uses(windowSize)
  for (let isFirst = true; !handleMerge.isDone || !claimMerge.isDone || !uses.isDone; isFirst = false) {
    yield* uses.collect(source, terms)
    for await (const page of source.entries(blocks)) {
      for (const entry of page) {
        if (isFirst) yield* findingsOf(source, entry, terms, known)
        if (entry.kind !== 'value') continue
        expect(entry.value, handleMerge, claimMerge)
        yield* uses.compare(entry, terms)
      }
    }
    yield* handleMerge.merge(source)
    yield* claimMerge.merge(source)
    yield* uses.rest(terms, known)
  }
}

/** What is wrong with a block, and with those that it overlaps; it is known from then on. */
async function* findingsOf(
  source: CheckSource,
  entry: Listed<Block>,
  terms: CheckTerms,
  known: { readonly readable: BlockSet; readonly unreadable: Map<string, Cidr> },
): AsyncGenerator<Finding, void> {
  const cidr = entry.kind === 'value' ? entry.value.cidr : parseBlockKey(entry.key)
  if (entry.kind === 'value') yield* blockFindings(entry, terms)
  else yield unreadable(entry)
  if (cidr === undefined) return
  if (entry.kind === 'unreadable') known.unreadable.set(formatCidr(cidr), cidr)
  for (const other of known.readable.add(cidr)) {
    yield overlapFinding(entry, cidr, other)
    if (entry.kind === 'value') yield* await sharedWith(source, entry, other)
  }
}

async function sharedWith(source: CheckSource, stored: StoredBlock, cidr: Cidr): Promise<readonly Finding[]> {
  const other = await source.entry(blockKey(cidr))
  return other?.kind === 'value' ? sharedFindings(stored, other) : []
}

/** Notes what the handles and the claims should say, if the block is right. */
function expect(block: Block, handleMerge: Merge<Handle, Mention>, claimMerge: Merge<Affinity, true>): void {
  const text = formatCidr(block.cidr)
  for (const [handle, count] of handleCounts(block)) {
    if (isHandleId(handle)) handleMerge.expect(handleKey(handle).text, (next) => ({ block: text, count, next }))
  }
  const owner = ownerOf(block)
  if (owner !== undefined) claimMerge.expect(affinityKey(owner, block.cidr).text, () => true)
}

function mergeOfHandles(known: KnownBlocks, windowSize: number): Merge<Handle, Mention> {
  return new Merge<Handle, Mention>(
    {
      families: [handles],
      compare: (entry, mentioned) =>
        entry.kind === 'value' ? handleFindings(entry, mentioned, known) : [unreadable(entry)],
      missing: missingHandle,
    },
    windowSize,
  )
}

function mergeOfClaims(known: KnownBlocks, windowSize: number): Merge<Affinity, true> {
  return new Merge<Affinity, true>(
    {
      families: [affinities, virtualAffinities],
      compare: (entry, isExpected) => claimFindings(entry, isExpected === true, known),
      missing: (key) => [missingClaim(key)],
    },
    windowSize,
  )
}
