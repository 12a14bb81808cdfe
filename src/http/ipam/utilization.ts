import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { planReadBlocks, planReadUtilization, type CountedBlock, type CountedPool } from '../../ipam/index.ts'
import { formatTime, nanosecondsPerSecond, parseAffinity } from '../../model/index.ts'
import { blockCount, formatCidr, parseCidr } from '../../net/index.ts'
import {
  answer,
  problems,
  closed,
  name,
  BlockList,
  type BlockUtilization,
  type PoolUtilization,
  Utilization,
  pageFields,
  pageMax,
} from '../schemas/index.ts'
import { limits, printContinueToken, readContinueToken, refusal } from '../wire/index.ts'
import { carryOut } from './change.ts'
import { beginCall, type IpamOptions } from './request.ts'

/** The most blocks that one answer of the utilization lists. More would take megabytes: those are listed page by page. */
const listedBlocksMax = 10_000

const poolReference = { minLength: 1, maxLength: limits.nameLength }

const UtilizationQuery = Type.Object(
  {
    pools: Type.Optional(
      Type.Array(Type.String(poolReference), {
        maxItems: limits.pools,
        description: 'Names or CIDRs of the only pools to tell of; all when absent. May be given several times.',
        examples: [['my.ippool-1']],
      }),
    ),
    blocks: Type.Optional(
      Type.Boolean({ description: `Tell of each block, too, up to ${listedBlocksMax}.`, examples: [true] }),
    ),
  },
  closed,
)

const BlocksQuery = Type.Object(
  {
    pool: Type.Optional(
      Type.String({
        ...poolReference,
        description: 'Only blocks of this pool, a name or a CIDR.',
        examples: ['my.ippool-1'],
      }),
    ),
    node: Type.Optional(Type.String({ ...name, description: 'Only blocks of this node.', examples: ['node-1'] })),
    orphaned: Type.Optional(Type.Boolean({ description: 'Only blocks that lie in no pool.', examples: [false] })),
    ...pageFields('Blocks', 'MTAuMS4wLjAvMjY'),
  },
  closed,
)

/** `GET /utilization` and `GET /blocks`: read how much of pools and blocks is used. */
export const utilizationRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/utilization',
    {
      config: { access: { verb: 'list', resource: 'ippools' } },
      schema: {
        operationId: 'readUtilization',
        tags: ['ipam'],
        summary: 'Read how much of each pool is used',
        description: [
          'The exact numbers of addresses of each pool: in all, in use, cooling down, reserved and available.',
          'Counted without reading the blocks, so the call is cheap.',
        ].join(' '),
        querystring: UtilizationQuery,
        response: {
          200: answer('The pools.', Utilization),
          ...problems('Conflict', 'Invalid', 'RequestEntityTooLarge', 'Timeout'),
        },
      },
    },
    async (request): Promise<Utilization> => {
      const { pools = [], blocks: withBlocks = false } = request.query
      const used = await carryOut(beginCall(options, request), (view, context) =>
        planReadUtilization(view, { pools, withBlocks }, context),
      )
      const listed = used.blocks.length + used.orphaned.length
      if (listed > listedBlocksMax) {
        const message = `${listed} blocks are more than one answer holds; leave out "blocks", or page through GET /ipam/v1/blocks`
        throw refusal('RequestEntityTooLarge', message)
      }
      return {
        pools: used.pools.map(printPool),
        unreadablePools: [...used.unreadable],
        orphaned: used.orphaned.map(printBlock),
        blocks: used.blocks.map(printBlock),
      }
    },
  )

  app.get(
    '/blocks',
    {
      config: { access: { verb: 'list', resource: 'ipamblocks' } },
      schema: {
        operationId: 'listBlocks',
        tags: ['ipam'],
        summary: 'List blocks and their nodes',
        description:
          'Lists blocks with their affinity and how much of each is used, page by page. Each page shows its own moment.',
        querystring: BlocksQuery,
        response: { 200: answer('A page of blocks.', BlockList), ...problems('Conflict', 'Invalid', 'Timeout') },
      },
    },
    async (request): Promise<BlockList> => {
      const { query } = request
      const { pool, node, orphaned, limit = pageMax } = query
      const after = query.continue === undefined ? undefined : readContinueToken(query.continue, parseCidr)
      const wanted = { pool, node, orphaned, after, limit }
      const { blocks, isLast } = await carryOut(beginCall(options, request), (view, context) =>
        planReadBlocks(view, wanted, context),
      )
      const last = blocks.at(-1)
      return {
        blocks: blocks.map(printBlock),
        continue: isLast || last === undefined ? null : printContinueToken(formatCidr(last.block.cidr)),
      }
    },
  )
  done()
}

/** Prints a pool, and how many of its addresses are used. */
export function printPool({ pool, usage }: CountedPool): PoolUtilization {
  return {
    pool: pool.name,
    cidr: formatCidr(pool.cidr),
    blockSize: pool.blockSize,
    isAllocatable: pool.isAllocatable,
    blocks: String(blockCount(pool.cidr, pool.blockSize)),
    blocksInUse: String(usage.blocksInUse),
    ...printUsage(usage),
  }
}

function printBlock({ block, pool, usage }: CountedBlock): BlockUtilization {
  const { claimedAtSeconds } = block
  const host = parseAffinity(block.affinity ?? '')
  return {
    block: formatCidr(block.cidr),
    pool: pool ?? null,
    affinity: block.affinity,
    node: host?.type === 'host' ? host.name : null,
    claimedAt:
      claimedAtSeconds === undefined
        ? null
        : formatTime({ nanoseconds: BigInt(claimedAtSeconds) * nanosecondsPerSecond }),
    isReadable: block.isReadable,
    ...printUsage(usage),
  }
}

function printUsage({ capacity, inUse, cooling, reserved, available }: CountedBlock['usage']) {
  return {
    capacity: String(capacity),
    inUse: String(inUse),
    cooling: String(cooling),
    reserved: String(reserved),
    available: String(available),
    percentInUse: (Number(inUse) / Number(capacity)) * 100,
  }
}
