import { type Block, blockKey, blocks, parseBlockKey } from '../../model/index.ts'
import { type Cidr, formatCidr } from '../../net/index.ts'
import type { Listed } from '../../plan/index.ts'
import { expectAffinity, mergeAffinities } from './affinity-findings.ts'
import { checkBlock, checkSharedAddresses, reportOverlap } from './block-findings.ts'
import { BlockSet } from './block-set.ts'
import type { Finding } from './finding.ts'
import { expectHandles, mergeHandles } from './handle-findings.ts'
import { type CheckSource, type CheckTerms, type ReadableEntry, reportUnreadable } from './terms.ts'
import { Uses } from './uses.ts'
import { windowSizeMax } from './window.ts'

/**
 * Finds everything that is wrong, and yields it as it is found. Blocks are the truth. What they say is merged with the handles and the
 * affinities in key order, and compared with the addresses that workloads and tunnels use. As all of this may not fit into memory, it
 * is done in windows: each takes another walk through the blocks.
 */
export async function* check(
  source: CheckSource,
  terms: CheckTerms,
  windowSize = windowSizeMax,
): AsyncGenerator<Finding, void> {
  yield* terms.findings
  const known = { all: new BlockSet(), unreadable: new Map<string, Cidr>() }
  const handles = mergeHandles(known, windowSize)
  const affinities = mergeAffinities(known, windowSize)
  const uses = new Uses(windowSize)
  for (let isFirst = true; !handles.isDone || !affinities.isDone || !uses.isDone; isFirst = false) {
    yield* uses.collect(source, terms)
    for await (const page of source.entries(blocks)) {
      for (const entry of page) {
        if (isFirst) yield* checkEntry(source, entry, terms, known)
        if (entry.kind !== 'value') continue
        expectHandles(handles, entry.value)
        expectAffinity(affinities, entry.value)
        yield* uses.compare(entry, terms)
      }
    }
    yield* handles.merge(source)
    yield* affinities.merge(source)
    yield* uses.finishWindow(terms, known)
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
