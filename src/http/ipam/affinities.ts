import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import {
  type ClaimRequest as Wish,
  type ClaimStep,
  type FailedBlock as PlannedFailure,
  planClaim,
  planReleaseAffinity,
  type ReleaseScope,
  type ReleaseStep,
} from '../../ipam/index.ts'
import { type Cidr, formatCidr, parseCidr } from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import {
  AffinityRelease,
  blockFailures,
  cidrField,
  Claim,
  ClaimRequest,
  poolField,
  ReleasedBlock,
  StaleClaim,
  answer,
  problemsOfRepeatable,
  closed,
  handle,
  oneOf,
  ref,
} from '../schemas/index.ts'
import { objectTypes, refuseFields, limits, quoteValue } from '../wire/index.ts'
import { changeModeOf, changeModeOfQuery, IdempotencyHeaders } from './idempotency.ts'
import { type Examined, type IpamOptions, ChangeQuery, examined } from './ipam-operation.ts'
import { carryOutParts, printed } from './parts.ts'

const next = Type.Union([Type.String(), Type.Null()])

const FailedPart = Type.Object({
  block: Type.String(),
  reason: Type.Union(blockFailures.map((reason) => Type.Literal(reason))),
  message: Type.String(),
})

const ClaimPart = Type.Object({
  claimed: Type.Array(Type.String()),
  unchanged: Type.Array(Type.String()),
  failed: Type.Array(FailedPart),
  next,
})

/** What one transaction of giving up claims did. */
export const ReleasePart = Type.Object({
  released: Type.Array(ReleasedBlock),
  stale: Type.Array(StaleClaim),
  failed: Type.Array(FailedPart),
  next,
})
export type ReleasePart = Static<typeof ReleasePart>

/** The name of a node in a path or a query: one that is to be forgotten may have any that fits into a key. */
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

/** `POST /affinities` and `DELETE /affinities`: which node has which blocks. */
export const affinityRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/affinities',
    {
      attachValidation: true,
      schema: {
        operationId: 'claimBlocks',
        tags: ['ipam'],
        summary: 'Claim blocks for a node',
        description: [
          'Gives blocks to a node, before it needs an address. Each block is answered for itself; blocks of others are left alone. No',
          'limit of blocks, no selector and no reservation counts.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        querystring: ChangeQuery,
        body: ref(ClaimRequest),
        response: {
          200: answer('What became of each block.', Claim),
          ...problemsOfRepeatable(),
        },
      },
    },
    async (request): Promise<Claim> => {
      const wish = examined(request, () => wishOf(request.body))
      const mode = changeModeOf(request, request.query)
      const { parts, isComplete } = await carryOutParts(options, mode, ClaimPart, (start) =>
        printed((view, context) => planClaim(view, wish, BigInt(start), context), printClaim),
      )
      return {
        node: wish.node,
        claimed: parts.flatMap(({ claimed }) => claimed),
        unchanged: parts.flatMap(({ unchanged }) => unchanged),
        failed: parts.flatMap(({ failed }) => failed),
        isComplete,
      }
    },
  )

  app.delete(
    '/affinities',
    {
      schema: {
        operationId: 'releaseBlocks',
        tags: ['ipam'],
        summary: 'Give up claims on blocks',
        description: [
          'Takes blocks from the nodes that have them: by node, range and pool, of which at least one is to be given. An empty block is',
          'deleted; one in use keeps its addresses, belongs to nobody, and vanishes with the last of them. Takes no body.',
        ].join(' '),
        headers: IdempotencyHeaders,
        querystring: ReleaseQuery,
        response: {
          200: answer('What became of the blocks.', AffinityRelease),
          ...problemsOfRepeatable(),
        },
      },
    },
    async (request): Promise<AffinityRelease> => {
      refuseBody(request.body)
      const scope = scopeOf(request.query)
      const mode = changeModeOfQuery(request, request.query)
      const { parts, isComplete } = await carryOutParts(options, mode, ReleasePart, (start) =>
        printed((view, context) => planReleaseAffinity(view, scope, start, context), printReleaseStep),
      )
      return { ...mergeReleases(parts), isComplete }
    },
  )
  done()
}

/** Refuses a body where none is taken. */
export function refuseBody(body: unknown): void {
  if (body === undefined) return
  throw refuseFields('BadRequest', [
    { field: 'body', reason: 'FieldValueForbidden', message: 'this call takes none; send it without' },
  ])
}

/** What one step of giving up claims did, as it is answered. */
export function printReleaseStep({ released, stale, failed, next }: ReleaseStep): ReleasePart {
  return {
    released: released.map((one) => ({ ...one, block: formatCidr(one.block) })),
    stale: stale.map((one) => ({ ...one, block: formatCidr(one.block) })),
    failed: failed.map(printFailure),
    next: next ?? null,
  }
}

/** What several steps of giving up claims did. */
export function mergeReleases(parts: readonly Omit<ReleasePart, 'next'>[]): Omit<ReleasePart, 'next'> {
  return {
    released: parts.flatMap(({ released }) => released),
    stale: parts.flatMap(({ stale }) => stale),
    failed: parts.flatMap(({ failed }) => failed),
  }
}

function wishOf({ node, cidr, pool }: ClaimRequest): Examined<Wish> {
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
    throw refuseFields('BadRequest', [{ field: 'node', reason: 'FieldValueRequired', message }])
  }
  return { node, cidr: range.value, pool, onlyIfEmpty }
}

function readCidr(text: string | undefined): Examined<Cidr | undefined> {
  if (text === undefined) return { value: undefined, causes: [] }
  const value = parseCidr(text)
  const message = `${quoteValue(text)} is not a CIDR; give one such as 10.1.0.0/24`
  return { value, causes: value === undefined ? [{ field: 'cidr', reason: 'FieldValueInvalid', message }] : [] }
}

function printClaim({ claimed, unchanged, failed, next }: ClaimStep): Static<typeof ClaimPart> {
  return {
    claimed: claimed.map(formatCidr),
    unchanged: unchanged.map(formatCidr),
    failed: failed.map(printFailure),
    next: next === undefined ? null : String(next),
  }
}

function printFailure({ block, ...failure }: PlannedFailure): Static<typeof FailedPart> {
  return { ...failure, block: formatCidr(block) }
}
