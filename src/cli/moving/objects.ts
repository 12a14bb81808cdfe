import { isDeepStrictEqual } from 'node:util'
import { isFields, type Transport } from '../api/index.ts'
import { exitCodes, Failure } from '../failures.ts'
import type { AffinityEntry, ObjectEntry, ObjectKind, Texts } from '../formats/index.ts'

const calico = '/apis/projectcalico.org/v3'

/** The paths of the objects of each kind. */
export const objectPaths: Readonly<Record<ObjectKind, string>> = {
  AccessPolicy: '/apis/ippoold.io/v1/accesspolicies',
  IPPool: `${calico}/ippools`,
  IPReservation: `${calico}/ipreservations`,
  Node: `${calico}/nodes`,
  IPAMConfiguration: `${calico}/ipamconfigurations`,
}

/** The paths of affinities and blocks. */
export const blockPaths = { affinities: `${calico}/blockaffinities`, blocks: `${calico}/ipamblocks` } as const

/** A list as its text says it: its items, and the token of the next page. */
export interface ParsedList {
  readonly items: readonly unknown[]
  readonly next: string | undefined
}

/** One page of a list. */
export interface ListPage {
  readonly items: readonly unknown[]
  /** The number of objects that the server could not read, and left out. */
  readonly unreadable: number
}

/** Which list to read: the largest page, and the revision at which, if not now. */
export interface ListOptions {
  readonly limit: number
  readonly revision?: string | undefined
  readonly parse?: (text: string) => ParsedList
}

/** Reads the pages of a list. While a page is used, the next one is read. */
export async function* pagesOfList(
  transport: Transport,
  path: string,
  { limit, revision, parse = parseList }: ListOptions,
): AsyncGenerator<ListPage, void> {
  const read = async (token?: string): Promise<ListPage & ParsedList> => {
    const isAt = token === undefined && revision !== undefined
    const query = new URLSearchParams({
      limit: String(limit),
      ...(isAt && { resourceVersion: revision, resourceVersionMatch: 'Exact' }),
      ...(token !== undefined && { continue: token }),
    })
    const { text, headers } = await transport.send({ method: 'GET', path: `${path}?${String(query)}`, headers: {} })
    // The header has one warning for each object.
    return { ...parse(text), unreadable: headers['warning']?.match(/\b299 /g)?.length ?? 0 }
  }
  let next: Promise<ListPage & ParsedList> | undefined = read()
  while (next !== undefined) {
    const page: ListPage & ParsedList = await next
    next = page.next === undefined ? undefined : read(page.next)
    // Nobody waits for it if the reader stops before.
    next?.catch(() => undefined)
    yield page
  }
}

function parseList(text: string): ParsedList {
  const list: unknown = JSON.parse(text)
  const { metadata, items } = isFields(list) ? list : {}
  const { continue: next } = isFields(metadata) ? metadata : {}
  return { items: Array.isArray(items) ? items : [], next: typeof next === 'string' ? next : undefined }
}

const objectsAtOnce = 500

/** Affinities of a page, which are small. */
export const affinitiesAtOnce = 1_000

/** Reads all objects of a kind; at a revision, if it is given. */
export async function readObjects(
  transport: Transport,
  kind: ObjectKind,
  revision?: string,
): Promise<{ readonly objects: readonly ObjectEntry[]; readonly unreadable: number }> {
  const objects: ObjectEntry[] = []
  let unreadable = 0
  for await (const page of pagesOfList(transport, objectPaths[kind], { limit: objectsAtOnce, revision })) {
    unreadable += page.unreadable
    objects.push(...page.items.map((item) => objectOf(kind, item)))
  }
  return { objects, unreadable }
}

/** An object without what its server adds. A pool that is being deleted counts as disabled: it assigns nothing any more. */
export function objectOf(kind: ObjectKind, object: unknown): ObjectEntry {
  const { metadata, spec } = isFields(object) ? object : {}
  if (!isFields(metadata) || typeof metadata['name'] !== 'string' || !isFields(spec)) {
    throw new Failure(exitCodes.failure, `The server lists an object of kind ${kind} without a name or a spec`)
  }
  const { name, labels, annotations } = metadata
  const isEnding = kind === 'IPPool' && 'deletionTimestamp' in metadata
  return {
    kind,
    metadata: {
      name,
      ...(isTexts(labels) && { labels }),
      ...(isTexts(annotations) && { annotations }),
    },
    spec: { ...spec, ...(isEnding && { disabled: true }) },
  }
}

function isTexts(value: unknown): value is Texts {
  return isFields(value) && Object.values(value).every((text) => typeof text === 'string')
}

/** True if both objects say the same. */
export function isSameObject(one: ObjectEntry, other: ObjectEntry): boolean {
  return isDeepStrictEqual(comparable(one), comparable(other))
}

function comparable({ metadata: { labels = {}, annotations = {} }, spec }: ObjectEntry): unknown {
  return { labels: { ...labels }, annotations: { ...annotations }, spec }
}

/** An affinity as the API lists it. */
export function affinityOf(item: unknown): AffinityEntry {
  const { spec } = isFields(item) ? item : {}
  const { cidr, node, type, state } = isFields(spec) ? spec : {}
  return { kind: 'Affinity', cidr: String(cidr), node: String(node), type: String(type), state: String(state) }
}
