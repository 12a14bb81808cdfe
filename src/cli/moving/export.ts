import { isFields, type Transport } from '../api/index.ts'
import { exitCodes, Failure, Refused } from '../failures.ts'
import {
  type Counts,
  entriesOfBlock,
  type ExportEntry,
  ExportPrinter,
  type ObjectKind,
  objectKinds,
  parseBlocks,
} from '../formats/index.ts'
import { printCount } from '../output/index.ts'
import type { Progress } from '../io.ts'
import { affinitiesAtOnce, affinityOf, blockPaths, pagesOfList, readObjects } from './objects.ts'

/** How an export went. */
export interface Exported {
  readonly revision: string
  readonly counts: Counts
  /** Objects and blocks that the server cannot read, so that they are missing. */
  readonly unreadable: number
  /** Kinds that the caller may not read. */
  readonly forbidden: readonly string[]
}

/** Blocks of a page: the server reads them at once, and other calls wait meanwhile for some milliseconds. */
const blocksAtOnce = 100

/** Writes everything that the caller may see, as of one revision. Waits until `write` has taken each part. */
export async function exportAll(
  transport: Transport,
  progress: Progress,
  write: (text: string) => Promise<void>,
): Promise<Exported> {
  const { revision, total } = await begin(transport)
  const forbidden: ObjectKind[] = []
  const objects: ExportEntry[] = []
  let unreadable = 0
  for (const kind of objectKinds) {
    const read = await readObjects(transport, kind, revision).catch((problem: unknown) => {
      // Policies are for administrators. Everything else is needed for an export.
      const isForbidden = problem instanceof Refused && problem.status.reason === 'Forbidden'
      if (!isForbidden || kind !== 'AccessPolicy') throw problem
      forbidden.push(kind)
      return { objects: [], unreadable: 0 }
    })
    objects.push(...read.objects)
    unreadable += read.unreadable
  }
  const printer = new ExportPrinter()
  const counts: Record<string, number> = {}
  for (const { kind } of objects) counts[kind] = (counts[kind] ?? 0) + 1
  const header = {
    server: transport.connection.url,
    revision,
    time: new Date().toISOString(),
    counts: { ...counts, ...(total !== undefined && { Address: total }) },
    forbidden,
  }
  await write(printer.header(header))
  await write(printer.entries(objects))
  for await (const page of pagesOfList(transport, blockPaths.affinities, { limit: affinitiesAtOnce, revision })) {
    unreadable += page.unreadable
    await write(printer.entries(page.items.map(affinityOf)))
  }
  const ofBlocks = { limit: blocksAtOnce, revision, parse: parseBlocks }
  for await (const page of pagesOfList(transport, blockPaths.blocks, ofBlocks)) {
    unreadable += page.unreadable
    await write(printer.entries(page.items.flatMap(entriesOfBlock)))
    const done = printer.counts['Address'] ?? 0
    progress.show(`${printCount(String(done))} of ${printCount(String(total ?? done))} addresses`)
  }
  progress.end()
  await write(printer.end(unreadable))
  return { revision, counts: printer.counts, unreadable, forbidden }
}

/** Finds the revision to read at, and how many addresses there are. */
async function begin(transport: Transport): Promise<{ readonly revision: string; readonly total: number | undefined }> {
  const { text } = await transport.send({ method: 'GET', path: '/ipam/v1/addresses?limit=1', headers: {} })
  const list: unknown = JSON.parse(text)
  const { revision, total } = isFields(list) ? list : {}
  if (typeof revision !== 'string')
    throw new Failure(exitCodes.failure, 'The server does not say at which revision it is')
  return { revision, total: typeof total === 'number' ? total : undefined }
}
