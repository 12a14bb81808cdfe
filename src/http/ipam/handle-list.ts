import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import { poolsIn, type Reach, reachOf } from '../../ipam/index.ts'
import { type Handle, handles as handleFamily, pools as poolFamily } from '../../model/index.ts'
import { parseCidr } from '../../net/index.ts'
import type { Decodable, Listed, Revision } from '../../plan/index.ts'
import { answer, closed, handle, HandleList, pageFields, pageMax, problems } from '../schemas/index.ts'
import { printContinueToken, readContinueToken } from '../wire/index.ts'
import { type Reader, readAt, withoutNested } from './addresses/index.ts'
import { beginCall, type IpamCall, type IpamOptions } from './request.ts'

/** The longest token, in characters. It names a handle, and each character of that takes up to four bytes. */
const tokenLengthMax = 4_096

const HandlesQuery = Type.Object(
  {
    prefix: Type.Optional(
      Type.String({ ...handle, description: 'Only handles that begin with this.', examples: ['vm-'] }),
    ),
    ...pageFields('Handles', 'MTAxOC92bS00Mg', tokenLengthMax),
  },
  closed,
)

/** `GET /handles`: list the handles. */
export const handleListRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/handles',
    {
      config: { access: { verb: 'list', resource: 'handles' } },
      schema: {
        operationId: 'listHandles',
        tags: ['ipam'],
        summary: 'List the handles',
        description: [
          'Lists the handles that hold addresses: all, or those that begin with a text. All pages show one moment. If etcd has compacted',
          'that moment, the next page is `Expired`.',
        ].join(' '),
        querystring: HandlesQuery,
        response: {
          200: answer('A page of handles.', HandleList),
          ...problems('Invalid', 'Expired', 'Timeout'),
        },
      },
    },
    (request) => listHandles(beginCall(options, request), request.query),
  )
  done()
}

/** Lists a page of the handles that the caller may list. */
export async function listHandles(
  call: IpamCall,
  { prefix = '', limit = pageMax, continue: token }: Static<typeof HandlesQuery>,
): Promise<HandleList> {
  const place = token === undefined ? undefined : readContinueToken(token, parsePlace)
  const page = await (call.rights.isUnlimited
    ? readPage(call, prefix, limit, place)
    : findPage(call, prefix, limit, place))
  const last = page.handles.at(-1)
  return {
    handles: page.handles.flatMap(({ handle, counts }) =>
      counts === undefined
        ? []
        : [{ handle, blocks: counts.length, addresses: counts.reduce((sum, one) => sum + one, 0) }],
    ),
    unreadableHandles: page.handles.flatMap(({ handle, counts }) => (counts === undefined ? [handle] : [])),
    revision: String(page.revision),
    continue: last === undefined || page.isLast ? null : printContinueToken(`${page.revision}/${last.handle}`),
  }
}

/** The place after which a page begins. */
interface HandlePlace {
  readonly revision: Revision
  readonly handle: string
}

/** Some handles as of one revision, in order. */
interface HandlePage {
  readonly handles: readonly ListedHandle[]
  readonly revision: Revision
  readonly isLast: boolean
}

/** A handle, and the numbers of its addresses in each block; undefined if the stored one cannot be read. */
interface ListedHandle {
  readonly handle: string
  readonly counts: readonly number[] | undefined
}

/** Reads a page of all handles. */
async function readPage(reader: Reader, prefix: string, limit: number, place?: HandlePlace): Promise<HandlePage> {
  const options = { limit, ...(place && { after: `${handleFamily.prefix}${place.handle}` }) }
  const { entries, revision, remaining } = await readAt(reader, handlesBelow(prefix), options, place?.revision)
  const handles = entries.map((entry) => ({
    handle: handleIn(entry),
    counts: entry.kind === 'value' ? [...entry.value.blocks.values()] : undefined,
  }))
  return { handles, revision, isLast: remaining === 0 }
}

/**
 * Reads a page of the handles that the caller may list, with those of their addresses that may be listed. The page ends with such a
 * handle, because its token names it. It ends early after half of the time; the call fails if it has found no handle by the deadline.
 */
async function findPage(call: IpamCall, prefix: string, limit: number, place?: HandlePlace): Promise<HandlePage> {
  const enoughMs = call.deadlineMs / 2
  const stored = await readAt(call, poolFamily, { isDecodedOnce: true }, place?.revision)
  const { revision } = stored
  const reach = reachOf(call.rights, poolsIn(stored.entries), { verb: 'list', resource: 'handles' })
  const handles: ListedHandle[] = []
  for (const part of narrowed(prefix, reach.handlePrefixes)) {
    let after = place && `${handleFamily.prefix}${place.handle}`
    for (let remaining = 1; remaining > 0; ) {
      const page = await readAt(
        call,
        handlesBelow(part),
        { limit: pageMax, ...(after !== undefined && { after }) },
        revision,
      )
      for (const entry of page.entries) {
        const found = findListed(entry, reach)
        if (found === undefined) continue
        if (handles.length === limit) return { handles, revision, isLast: false }
        handles.push(found)
      }
      if (handles.length > 0 && call.deadlineMs < enoughMs) return { handles, revision, isLast: false }
      after = page.entries.at(-1)?.key
      remaining = page.remaining
    }
  }
  return { handles, revision, isLast: true }
}

/** Returns the part of a handle that may be listed; undefined if there is none. */
function findListed(entry: Listed<Handle>, reach: Reach): ListedHandle | undefined {
  const handle = handleIn(entry)
  if (entry.kind === 'unreadable') return reach.includesHandle(handle) ? { handle, counts: undefined } : undefined
  const counts = [...entry.value.blocks].flatMap(([text, count]) => {
    const cidr = parseCidr(text)
    return cidr !== undefined && reach.includes(cidr, handle) ? [count] : []
  })
  return counts.length > 0 || reach.includesHandle(handle) ? { handle, counts } : undefined
}

/** Returns prefixes that cover the handles which begin with `prefix` and with one of `allowed`. No handle begins with two of them. */
function narrowed(prefix: string, allowed: readonly string[] = ['']): readonly string[] {
  const both = allowed.flatMap((one) => (one.startsWith(prefix) ? [one] : prefix.startsWith(one) ? [prefix] : []))
  return withoutNested(both)
}

function handlesBelow(prefix: string): Decodable<Handle> {
  return { ...handleFamily, prefix: `${handleFamily.prefix}${prefix}` }
}

function handleIn({ key }: Listed<Handle>): string {
  return key.slice(handleFamily.prefix.length)
}

function parsePlace(text: string): HandlePlace | undefined {
  const [, revision, handle] = /^([1-9][0-9]{0,17})\/(.+)$/su.exec(text) ?? []
  return revision === undefined || handle === undefined ? undefined : { revision: BigInt(revision), handle }
}
