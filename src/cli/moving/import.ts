import { type Api, answerTo, apiOver, type Transport } from '../api/index.ts'
import {
  type AffinityEntry,
  isObjectEntry,
  type ObjectEntry,
  objectKinds,
  type PrefixEntry,
  readRange,
} from '../formats/index.ts'
import type { Io, Progress } from '../io.ts'
import { printCount } from '../output/index.ts'
import { repeatable } from '../session.ts'
import { AddressBatches, AddressImport } from './import-addresses.ts'
import { Refused } from '../failures.ts'
import { ObjectImport } from './import-objects.ts'
import { Lanes } from './lanes.ts'
import { affinitiesAtOnce, affinityOf, blockPaths, pagesOfList } from './objects.ts'
import { type ConflictPolicy, Outcome } from './outcome.ts'
import type { Ranges } from './ranges.ts'
import { entriesIn, type Sourced, type SourceName } from './sources.ts'

/** What to import, and how. */
export interface ImportOptions {
  readonly files: readonly string[]
  readonly from: SourceName
  readonly isDryRun: boolean
  readonly onConflict: ConflictPolicy
}

/** Calls under way at a time. More of them wait for etcd alone. */
const callsAtOnce = 16

/**
 * Imports files. First they are read to their ends, so that nothing is changed if one of them is not whole. Then come the objects, so that
 * there are pools, the affinities, and the addresses, which are read a second time because they do not fit into memory. What would keep
 * addresses from being assigned comes last: disabled pools, and the configuration.
 */
export async function importAll(
  transport: Transport,
  io: Io,
  progress: Progress,
  { files, from, isDryRun, onConflict }: ImportOptions,
): Promise<Outcome> {
  const outcome = new Outcome(io, onConflict, () => {
    progress.end()
  })
  const examined = await examine(files, from, outcome, progress)
  const objects = new ObjectImport(transport, outcome, isDryRun)
  const isLast = ({ entry }: Sourced<ObjectEntry>): boolean => entry.kind === 'IPAMConfiguration'
  for (const object of examined.objects.filter((one) => !isLast(one))) await objects.import(object)
  await objects.importPrefixes(examined.prefixes)
  const newPools = objects.createdPools
  await claimBlocks(transport, outcome, examined.affinities, { isDryRun, newPools })
  const addresses = new AddressImport(apiOver(transport), outcome, isDryRun, newPools)
  await importAddresses(entriesIn(files, from), addresses, outcome, (done) => {
    const [count, all] = [done, examined.addresses].map((number) => printCount(String(number)))
    progress.show(`${count ?? ''} of ${all ?? ''} addresses`)
  })
  await objects.finish()
  for (const object of examined.objects.filter(isLast)) await objects.import(object)
  progress.end()
  return outcome
}

/** What the files say, but for the addresses: their number. */
interface Examined {
  /** In the order in which they are created. */
  readonly objects: readonly Sourced<ObjectEntry>[]
  readonly prefixes: readonly Sourced<PrefixEntry>[]
  readonly affinities: readonly Sourced<AffinityEntry>[]
  readonly addresses: number
}

async function examine(
  files: readonly string[],
  from: SourceName,
  outcome: Outcome,
  progress: Progress,
): Promise<Examined> {
  const objects: Sourced<ObjectEntry>[] = []
  const prefixes: Sourced<PrefixEntry>[] = []
  const affinities: Sourced<AffinityEntry>[] = []
  const leftOut: (() => void)[] = []
  let addresses = 0
  for await (const sourced of entriesIn(files, from)) {
    const { entry, file, line } = sourced
    if (isObjectEntry(entry)) objects.push({ ...sourced, entry })
    else if (entry.kind === 'Prefix') prefixes.push({ ...sourced, entry })
    else if (entry.kind === 'Affinity') affinities.push({ ...sourced, entry })
    else if (entry.kind === 'LeftOut') leftOut.push(() => outcome.leaveOut('pools', file, line, entry.what, entry.why))
    else if (entry.kind === 'Cooling') outcome.of('addresses').leftOut += 1
    else {
      addresses += 1
      if (addresses % 10_000 === 0) progress.show(`reading: ${printCount(String(addresses))} addresses`)
    }
  }
  for (const tell of leftOut) tell()
  const place = ({ entry: { kind } }: Sourced<ObjectEntry>): number => objectKinds.indexOf(kind)
  return { objects: objects.toSorted((one, other) => place(one) - place(other)), prefixes, affinities, addresses }
}

/** Gives blocks to their nodes. Those that have them already are not asked for: a pool that is disabled by now would refuse that. */
async function claimBlocks(
  transport: Transport,
  outcome: Outcome,
  affinities: readonly Sourced<AffinityEntry>[],
  { isDryRun, newPools }: { readonly isDryRun: boolean; readonly newPools: Ranges<undefined> },
): Promise<void> {
  if (affinities.length === 0) return
  const there = await readAffinities(transport)
  const api = apiOver(transport)
  const tally = outcome.of('affinities')
  const lanes = new Lanes(callsAtOnce)
  for (const sourced of affinities) {
    const { entry, file, line } = sourced
    const range = readRange(entry.cidr)
    if (entry.type !== 'host') outcome.leaveOut('affinities', file, line, entry.cidr, 'it belongs to no node')
    else if (entry.state !== 'confirmed') outcome.leaveOut('affinities', file, line, entry.cidr, `it is ${entry.state}`)
    else if (there.has(nameOf(entry))) tally.unchanged += 1
    else if (isDryRun && range !== undefined && newPools.around(range) !== undefined) tally.created += 1
    else await lanes.begin(() => claimBlock(api, outcome, sourced, isDryRun))
  }
  await lanes.end()
}

async function readAffinities(transport: Transport): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for await (const { items } of pagesOfList(transport, blockPaths.affinities, { limit: affinitiesAtOnce })) {
    for (const affinity of items.map(affinityOf)) if (affinity.state === 'confirmed') names.add(nameOf(affinity))
  }
  return names
}

function nameOf({ cidr, type, node }: AffinityEntry): string {
  return `${cidr} ${type}:${node}`
}

async function claimBlock(
  api: Api,
  outcome: Outcome,
  { entry: { cidr, node }, file, line }: Sourced<AffinityEntry>,
  isDryRun: boolean,
): Promise<void> {
  const params = { query: isDryRun ? { dryRun: 'All' as const } : {}, header: repeatable(undefined) }
  const there = await answerTo(api.POST('/ipam/v1/affinities', { params, body: { node, cidr } })).then(
    ({ data }) => {
      const tally = outcome.of('affinities')
      tally.created += data.claimed.length
      tally.unchanged += data.unchanged.length
      return data.failed[0]?.message
    },
    (problem: unknown) => {
      if (problem instanceof Refused && problem.status.reason === 'Invalid') return problem.message
      throw problem
    },
  )
  if (there === undefined) return
  outcome.conflict({
    subject: 'affinities',
    file,
    line,
    what: cidr,
    there,
    said: `it belongs to the node ${node}`,
    remedy: 'release the block there ("ippool block release"), or take the affinity out of the file',
  })
}

async function importAddresses(
  entries: AsyncIterable<Sourced>,
  addresses: AddressImport,
  outcome: Outcome,
  progressed: (done: number) => void,
): Promise<void> {
  const lanes = new Lanes(callsAtOnce)
  const batches = new AddressBatches(outcome)
  let done = 0
  const send = async (batch: ReturnType<AddressBatches['end']>): Promise<void> => {
    if (batch === undefined) return
    await lanes.begin(async () => {
      await addresses.import(batch)
      done += batch.length
      progressed(done)
    })
  }
  for await (const { entry, file, line } of entries) {
    if (entry.kind === 'Address') await send(batches.add({ entry, file, line }))
  }
  await send(batches.end())
  await lanes.end()
}
