import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import { handles as handleFamily } from '../../model/index.ts'
import { answer, closed, handle, HandleList, pageFields, pageMax, problems } from '../schemas/index.ts'
import { printContinueToken, readContinueToken } from '../wire/index.ts'
import { type Reader, readAt } from './addresses/index.ts'
import { type IpamOptions, shareDeadline } from './request.ts'

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
    ({ query }) => listHandles(shareDeadline(options), query),
  )
  done()
}

async function listHandles(
  reader: Reader,
  { prefix = '', limit = pageMax, continue: token }: Static<typeof HandlesQuery>,
): Promise<HandleList> {
  const place = token === undefined ? undefined : readContinueToken(token, parsePlace)
  const below = { ...handleFamily, prefix: `${handleFamily.prefix}${prefix}` }
  const options = { limit, ...(place && { after: `${handleFamily.prefix}${place.handle}` }) }
  const { entries, revision, remaining } = await readAt(reader, below, options, place?.revision)
  const listed = entries.map(({ key, ...entry }) => ({ ...entry, handle: key.slice(handleFamily.prefix.length) }))
  const last = listed.at(-1)
  return {
    handles: listed.flatMap((entry) => {
      if (entry.kind === 'unreadable') return []
      const counts = [...entry.value.blocks.values()]
      return [{ handle: entry.handle, blocks: counts.length, addresses: counts.reduce((sum, one) => sum + one, 0) }]
    }),
    unreadableHandles: listed.flatMap((entry) => (entry.kind === 'unreadable' ? [entry.handle] : [])),
    revision: String(revision),
    continue: last === undefined || remaining === 0 ? null : printContinueToken(`${revision}/${last.handle}`),
  }
}

function parsePlace(text: string): { readonly revision: bigint; readonly handle: string } | undefined {
  const [, revision, handle] = /^([1-9][0-9]{0,17})\/(.+)$/su.exec(text) ?? []
  return revision === undefined || handle === undefined ? undefined : { revision: BigInt(revision), handle }
}
