import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { addTo, countHolders, type HolderCounts, mostOf, planCountNodes, PoolsAtRevision } from '../../ipam/index.ts'
import { blocks as blockFamily, parseBlockKey, type Pool, pools as poolFamily } from '../../model/index.ts'
import { answerOnly, type Decodable } from '../../plan/index.ts'
import { answer, closed, holderKinds, oneOf, PoolHolderList, problems } from '../schemas/index.ts'
import { refusal, requireGranted } from '../wire/index.ts'
import { blocksBelow, selectionOf } from './addresses/index.ts'
import { PoolPath } from './pool-path.ts'
import { beginCall, type IpamCall, type IpamOptions } from './request.ts'

const HoldersQuery = Type.Object(
  {
    by: Type.Optional(
      oneOf(holderKinds, {
        title: 'HolderKind',
        prefix: 'Holder_',
        description: 'Count by handle or by node; `handle` when absent.',
        examples: ['node'],
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'Holders at most; 10 when absent.', examples: [10] }),
    ),
  },
  closed,
)

/** The most blocks that one call reads: a second of a processor. */
const blocksMax = 2_048

/** `GET /pools/{name}/holders`: who holds the most addresses of a pool. */
export const poolHoldersRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/pools/:name/holders',
    {
      config: { access: { verb: 'list', resource: 'addresses' } },
      schema: {
        operationId: 'listPoolHolders',
        tags: ['ipam'],
        summary: 'List who holds most of a pool',
        description: [
          'Lists the handles, or the nodes, with the most addresses of a pool. Nodes are counted in memory, so that is cheap; for handles, the',
          'blocks of the pool are read.',
        ].join(' '),
        params: PoolPath,
        querystring: HoldersQuery,
        response: {
          200: answer('The holders.', PoolHolderList),
          ...problems('NotFound', 'Invalid', 'Expired', 'Timeout'),
        },
      },
    },
    async (request): Promise<PoolHolderList> => {
      const { by = 'handle', limit = 10 } = request.query
      const call = beginCall(options, request)
      // From memory, because there may be thousands of pools.
      const { answer: entries, revision } = await call.store.submit(
        (view) => answerOnly(view.list(poolFamily, 'changed')),
        { deadlineMs: call.deadlineMs },
      )
      const pools = new PoolsAtRevision(entries, call.rights)
      const { name: wanted } = request.params
      const found = pools.named(wanted)
      // As for any other path below a pool; a filter by a pool that is not there is a wrong field instead.
      if (!found.ok && found.refusal.reason === 'Invalid') throw refusal('NotFound', `Pool ${wanted} does not exist.`)
      const pool = requireGranted(found)
      const { counts, isComplete } =
        by === 'node' && pools.reach.isForAllHandles && pools.reach.touches(pool.cidr)
          ? { counts: await countNodes(call, pool), isComplete: true }
          : await readHolders(call, pools, pool, by, revision)
      const holders = mostOf(counts, limit).map(({ name, addresses }) => ({ name: name ?? null, addresses }))
      return { pool: pool.name, by, holders, total: counts.size, isComplete }
    },
  )
  done()
}

async function countNodes({ store, blocks, deadlineMs }: IpamCall, pool: Pool): Promise<HolderCounts> {
  return (await store.submit((view) => planCountNodes(view, pool, { blocks }), { deadlineMs })).answer
}

/** Counts in the blocks of the pool, as of one revision: in the first of them, if they are very many. Ends early after half of the time. */
async function readHolders(
  call: IpamCall,
  pools: PoolsAtRevision,
  pool: Pool,
  by: PoolHolderList['by'],
  revision: bigint,
): Promise<{ readonly counts: HolderCounts; readonly isComplete: boolean }> {
  const counts: HolderCounts = new Map()
  const selection = selectionOf(pools, { pool: pool.name, attributes: [] })
  const nothing: HolderCounts = new Map()
  const counted: Decodable<HolderCounts | undefined> = {
    prefix: blockFamily.prefix,
    decode: (key, text) => {
      const cidr = parseBlockKey(key)
      const isListed = cidr && pools.reach.handlesIn(cidr)
      if (cidr === undefined || isListed === undefined || pools.ofBlock(cidr)?.name !== pool.name) {
        return { ok: true, value: undefined }
      }
      const decoded = blockFamily.decode(key, text)
      return decoded.ok ? { ok: true, value: countHolders(decoded.value, by, pool.cidr, isListed) } : decoded
    },
  }
  const enoughMs = call.deadlineMs / 2
  let read = 0
  for await (const block of blocksBelow({ reader: call, revision }, { ...selection, addresses: counted })) {
    const found = block.kind === 'value' ? block.value : nothing
    if (found === undefined) continue
    for (const [name, count] of found) addTo(counts, name, count)
    if (++read >= blocksMax || call.deadlineMs < enoughMs) return { counts, isComplete: false }
  }
  return { counts, isComplete: true }
}
