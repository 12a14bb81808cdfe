import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import {
  type BlockClaim,
  type BlockRelease,
  type ClaimRequest,
  type FailedBlock as PlannedFailure,
  planClaimBlocks,
  planReleaseBlocks,
  type ReleaseScope,
} from '../../ipam/index.ts'
import { formatCidr } from '../../net/index.ts'
import { carryOutSteps, type Cause } from '../../plan/index.ts'
import {
  AffinityReleaseResponse,
  blockFailures,
  cidrField,
  ClaimResponse,
  ClaimBody,
  poolField,
  ReleasedBlockItem,
  StaleAffinityItem,
  answer,
  problemsOfRepeatable,
  repeatable,
  closed,
  handle,
  oneOf,
  ref,
} from '../schemas/index.ts'
import { changedNothing, noteChange, objectTypes, refuseFields, limits } from '../wire/index.ts'
import { carryOutStep } from './change.ts'
import { changeModeOf, changeModeOfQuery, IdempotencyHeaders } from './idempotency.ts'
import { type Examined, type IpamOptions, beginCall, ChangeQuery, examined, readCidr, refuseBody } from './request.ts'

const FailedPart = Type.Object({
  block: Type.String(),
  reason: Type.Union(blockFailures.map((reason) => Type.Literal(reason))),
  message: Type.String(),
})

/** The outcome of one step of claiming blocks, as it is answered. */
const ClaimPart = Type.Object({
  claimed: Type.Array(Type.String()),
  unchanged: Type.Array(Type.String()),
  failed: Type.Array(FailedPart),
})

/** The outcome of one step of releasing blocks, as it is answered. */
export const ReleasePart = Type.Object({
  released: Type.Array(ReleasedBlockItem),
  stale: Type.Array(StaleAffinityItem),
  failed: Type.Array(FailedPart),
})
export type ReleasePart = Static<typeof ReleasePart>

/** The name of a node in a path or a query: a node to remove may have any name that fits into a key. */
export const anyNode = { ...handle, maxLength: limits.nameLength, examples: ['node-1'] }

const ReleaseQuery = Type.Object(
  {
    node: Type.Optional(Type.String({ ...anyNode, description: 'Only blocks of this node.' })),
    cidr: Type.Optional(Type.String(cidrField)),
    pool: Type.Optional(Type.String(poolField)),
    onlyIfEmpty: Type.Optional(
      Type.Boolean({ description: 'Leave blocks alone that have addresses in use or cooling down.', examples: [true] }),
    ),
    dryRun: Type.Optional(
      oneOf(['All'], { description: 'Answer what would happen, and write nothing.', examples: ['All'] }),
    ),
  },
  closed,
)

/** `POST /affinities` and `DELETE /affinities`: claim blocks for a node, and release blocks from their nodes. */
export const affinityRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/affinities',
    {
      config: { access: { verb: 'create', resource: 'affinities' } },
      attachValidation: true,
      schema: {
        operationId: 'claimBlocks',
        tags: ['ipam'],
        summary: 'Claim blocks for a node',
        description: [
          'Gives blocks to a node before it needs an address. Reports on each block; blocks of other nodes are left alone. The limit of',
          'blocks per node, selectors and reservations do not apply.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        querystring: ChangeQuery,
        body: ref(ClaimBody),
        response: {
          200: repeatable(answer('What became of each block.', ClaimResponse)),
          ...problemsOfRepeatable(),
        },
      },
    },
    async (request, reply): Promise<ClaimResponse> => {
      const wanted = examined(request, () => readClaim(request.body))
      const { node, cidr, pool } = request.body
      noteChange(request, { node, cidr, pool })
      const mode = changeModeOf(request, reply, request.query)
      const call = beginCall(options, request)
      const { answers, next } = await carryOutSteps(
        (position, number) =>
          carryOutStep(call, mode, number, (view, context) => planClaimBlocks(view, wanted, position, context), {
            schema: ClaimPart,
            print: printClaim,
          }),
        { isHarmless: changedNothing },
      )
      const claimed = answers.flatMap(({ claimed }) => claimed)
      noteChange(request, { blocks: claimed })
      return {
        node: wanted.node,
        claimed,
        unchanged: answers.flatMap(({ unchanged }) => unchanged),
        failed: answers.flatMap(({ failed }) => failed),
        isComplete: next === undefined,
      }
    },
  )

  app.delete(
    '/affinities',
    {
      config: { access: { verb: 'delete', resource: 'affinities' } },
      schema: {
        operationId: 'releaseBlocks',
        tags: ['ipam'],
        summary: 'Release blocks from their nodes',
        description: [
          'Takes blocks from the nodes that have them. Select the blocks by node, range or pool; at least one of them must be given. An',
          'empty block is deleted. A block in use keeps its addresses, belongs to no node, and is deleted with its last address. Takes',
          'no body.',
        ].join(' '),
        headers: IdempotencyHeaders,
        querystring: ReleaseQuery,
        response: {
          200: repeatable(answer('What became of the blocks.', AffinityReleaseResponse)),
          ...problemsOfRepeatable(),
        },
      },
    },
    async (request, reply): Promise<AffinityReleaseResponse> => {
      refuseBody(request.body)
      const { node, cidr, pool } = request.query
      noteChange(request, { node, cidr, pool })
      const scope = scopeOf(request.query)
      const mode = changeModeOfQuery(request, reply, request.query)
      const call = beginCall(options, request)
      const { answers, next } = await carryOutSteps(
        (position, number) =>
          carryOutStep(call, mode, number, (view, context) => planReleaseBlocks(view, scope, position, context), {
            schema: ReleasePart,
            print: printReleasedBlocks,
          }),
        { isHarmless: changedNothing },
      )
      const merged = mergeReleases(answers)
      noteChange(request, { blocks: merged.released.map(({ block }) => block) })
      return { ...merged, isComplete: next === undefined }
    },
  )
  done()
}

/** Prints the outcome of one step of releasing blocks. */
export function printReleasedBlocks({ released, stale, failed }: BlockRelease): ReleasePart {
  return {
    released: released.map((one) => ({ ...one, block: formatCidr(one.block) })),
    stale: stale.map((one) => ({ ...one, block: formatCidr(one.block) })),
    failed: failed.map(printFailure),
  }
}

/** Joins the outcomes of several steps of releasing blocks. */
export function mergeReleases(parts: readonly ReleasePart[]): ReleasePart {
  return {
    released: parts.flatMap(({ released }) => released),
    stale: parts.flatMap(({ stale }) => stale),
    failed: parts.flatMap(({ failed }) => failed),
  }
}

function readClaim({ node, cidr, pool }: ClaimBody): Examined<ClaimRequest> {
  const range = readCidr(cidr)
  const nothing: readonly Cause[] =
    cidr === undefined && pool === undefined
      ? [{ field: 'cidr', reason: 'FieldValueRequired', message: 'nothing is claimed; give cidr, or pool, or both' }]
      : []
  return { value: { node, cidr: range.value, pool }, causes: [...nothing, ...range.causes] }
}

function scopeOf({ node, cidr, pool, onlyIfEmpty = false }: Static<typeof ReleaseQuery>): ReleaseScope {
  const range = readCidr(cidr)
  if (range.causes.length > 0) throw refuseFields('Invalid', range.causes)
  if (node === undefined && cidr === undefined && pool === undefined) {
    const message = 'all blocks of all nodes are never meant; give node, cidr or pool'
    throw refuseFields('Invalid', [{ field: 'node', reason: 'FieldValueRequired', message }])
  }
  return { node, cidr: range.value, pool, onlyIfEmpty }
}

function printClaim({ claimed, unchanged, failed }: BlockClaim): Static<typeof ClaimPart> {
  return {
    claimed: claimed.map(formatCidr),
    unchanged: unchanged.map(formatCidr),
    failed: failed.map(printFailure),
  }
}

function printFailure({ block, ...failure }: PlannedFailure): Static<typeof FailedPart> {
  return { ...failure, block: formatCidr(block) }
}
