import {
  type Block,
  type BlockIndex,
  blockKey,
  blocks,
  compareBytewise,
  handles,
  parseBlockKey,
} from '../../model/index.ts'
import { type Cidr, formatCidr } from '../../net/index.ts'
import type { Listed } from '../../plan/index.ts'
import { expectAffinity, mergeAffinities } from './affinity-findings.ts'
import { checkBlock, checkSharedAddresses, reportOverlap } from './block-findings.ts'
import { BlockSet, type KnownBlocks } from './block-set.ts'
import type { Finding } from './finding.ts'
import { expectHandles, mergeHandles, sumUpHeld } from './handle-findings.ts'
import { HandleSums } from './handle-sums.ts'
import { type CheckSource, type CheckTerms, type ReadableEntry, reportUnreadable } from './terms.ts'
import { Uses } from './uses.ts'
import { windowSizeMax } from './window.ts'

/** How to check. */
interface CheckOptions {
  /** Knows about where the blocks lie, so that reading them is cheaper. */
  readonly index?: BlockIndex
  readonly windowSize?: number
}

/**
 * Finds everything that is wrong, and yields it as it is found. Blocks are the truth. In the first walk through them, handles are compared
 * by sums; only those that differ are examined. Affinities, these handles, and the addresses that workloads and tunnels use are merged with
 * what the blocks say in key order. As all of this may not fit into memory, it is done in windows: each takes another walk through the
 * blocks.
 */
export async function* check(
  source: CheckSource,
  terms: CheckTerms,
  { index, windowSize = windowSizeMax }: CheckOptions = {},
): AsyncGenerator<Finding, void> {
  yield* terms.findings
  const known = { all: new BlockSet(), unreadable: new Map<string, Cidr>() }
  const sums = new HandleSums(Number(BigInt.asIntN(32, terms.now.nanoseconds)))
  const suspects = mergeHandles(known, sums, windowSize)
  const affinities = mergeAffinities(known, windowSize)
  const uses = new Uses(windowSize)
  const cuts = index && cutsBetween(index)
  let isFirst = true
  do {
    yield* uses.collect(source, terms)
    for await (const page of source.entries(blocks, { cuts })) {
      for (const entry of page) {
        if (isFirst) yield* checkEntry(source, entry, terms, known)
        if (entry.kind !== 'value') continue
        if (isFirst) sumUpHeld(sums, entry.value)
        else expectHandles(suspects, entry.value, sums)
        expectAffinity(affinities, entry.value)
        yield* uses.compare(entry, terms)
      }
    }
    if (isFirst) yield* sumUpCounted(source, sums, known)
    else if (sums.hasSuspects) yield* suspects.merge(source)
    yield* affinities.merge(source)
    yield* uses.finishWindow(terms, known)
    isFirst = false
  } while ((sums.hasSuspects && !suspects.isDone) || !affinities.isDone || !uses.isDone)
}

/** One of so many blocks begins another page. */
const blocksBetweenCuts = 40

/** Keys of blocks, in order, about a page apart. */
function cutsBetween(index: BlockIndex): readonly string[] {
  const cuts: string[] = []
  let count = 0
  for (const { cidr } of index.after()) if (count++ % blocksBetweenCuts === 0) cuts.push(blockKey(cidr).text)
  return cuts.sort(compareBytewise)
}

/** Takes what the stored handles count off the sums of what they hold. */
async function* sumUpCounted(
  source: CheckSource,
  sums: HandleSums,
  { unreadable }: KnownBlocks,
): AsyncGenerator<Finding, void> {
  const isIgnored = (block: string): boolean => unreadable.has(block)
  for await (const page of source.entries(handles, { cuts: sums.samples })) {
    for (const entry of page) {
      if (entry.kind === 'value') {
        sums.count(entry.key, entry.value, isIgnored)
      } else {
        sums.clear(entry.key)
        yield reportUnreadable(entry)
      }
    }
  }
}

/** Checks one block by itself and against the earlier blocks, and adds it to the `known` ones. */
async function* checkEntry(
  source: CheckSource,
  entry: Listed<Block>,
  terms: CheckTerms,
  known: { readonly all: BlockSet; readonly unreadable: Map<string, Cidr> },
): AsyncGenerator<Finding, void> {
  const cidr = entry.kind === 'value' ? entry.value.cidr : parseBlockKey(entry.key)
  if (entry.kind === 'value') yield* checkBlock(entry, terms)
  else yield reportUnreadable(entry)
  if (cidr === undefined) return
  if (entry.kind === 'unreadable') known.unreadable.set(formatCidr(cidr), cidr)
  for (const other of known.all.add(cidr)) {
    yield reportOverlap(entry, cidr, other)
    if (entry.kind === 'value') yield* await checkShared(source, entry, other)
  }
}

async function checkShared(source: CheckSource, stored: ReadableEntry<Block>, cidr: Cidr): Promise<readonly Finding[]> {
  const other = await source.entry(blockKey(cidr))
  return other?.kind === 'value' ? checkSharedAddresses(stored, other) : []
}
