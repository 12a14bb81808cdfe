import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import { type Allocation, planForgetNode, planRelease, type ReleaseAnswer, type ReleaseStep } from '../../ipam/index.ts'
import { formatAddress } from '../../net/index.ts'
import { ForgottenNode, answer, problemsOfRepeatable, closed, oneOf, failedReasons } from '../schemas/index.ts'
import { type Place, AddressWalk, firstPlace, printRelease } from './addresses/index.ts'
import { anyNode, mergeReleases, printReleaseStep, refuseBody, ReleasePart } from './affinities.ts'
import { changeModeOfQuery, IdempotencyHeaders } from './idempotency.ts'
import type { IpamOptions } from './ipam-operation.ts'
import { carryOutParts, printed, type Step } from './parts.ts'

const NodePath = Type.Object({ node: Type.String({ ...anyNode, description: 'The node.' }) }, closed)

const ForgetQuery = Type.Object(
  {
    releaseAddresses: Type.Optional(
      Type.Boolean({ description: 'Take back the addresses that the node uses, too.', examples: [true] }),
    ),
    dryRun: Type.Optional(
      oneOf(['All'], { description: 'Answer what would happen, and write nothing.', examples: ['All'] }),
    ),
  },
  closed,
)

/** What one transaction of forgetting a node did: with addresses first, and then with blocks. */
const ForgetPart = Type.Object({
  addresses: Type.Object({
    released: Type.Array(Type.String()),
    failed: Type.Array(
      Type.Object({
        address: Type.String(),
        reason: Type.Union(failedReasons.map((reason) => Type.Literal(reason))),
        message: Type.String(),
      }),
    ),
    left: Type.Array(Type.String()),
  }),
  affinities: Type.Omit(ReleasePart, ['next']),
  next: Type.Union([Type.String(), Type.Null()]),
})
type ForgetPart = Static<typeof ForgetPart>

/** Addresses of one part: each may need its block, its handle, its node and its claim, of the 128 keys of a transaction. */
const addressesPerPart = 30

/** Addresses of one part that are only told. */
const addressesTold = 1_000

/** Where the second half of the parts begins, and with what it goes on from there. */
const inBlocks = 'blocks '

/** `DELETE /nodes/{node}`: forget a node. */
export const nodeRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.delete(
    '/nodes/:node',
    {
      schema: {
        operationId: 'forgetNode',
        tags: ['ipam'],
        summary: 'Forget a node',
        description: [
          'Takes all blocks from a node that is gone, and on request the addresses that it used; tells what was released and what is left.',
          'Its labels, a resource of their own, stay. Takes no body.',
        ].join(' '),
        params: NodePath,
        headers: IdempotencyHeaders,
        querystring: ForgetQuery,
        response: {
          200: answer('What became of everything that the node had.', ForgottenNode),
          ...problemsOfRepeatable(),
        },
      },
    },
    async (request): Promise<ForgottenNode> => {
      refuseBody(request.body)
      const { node } = request.params
      const { releaseAddresses = false } = request.query
      const mode = changeModeOfQuery(request, request.query)
      const walk = new AddressWalk(options.store, { node, attributes: [] })
      const { parts, isComplete } = await carryOutParts(options, mode, ForgetPart, (start) =>
        start.startsWith(inBlocks)
          ? forgetBlocks(node, start.slice(inBlocks.length), releaseAddresses && mode.dryRun === 'All')
          : forgetAddresses(walk, start, releaseAddresses),
      )
      return {
        node,
        addresses: {
          released: parts.flatMap(({ addresses }) => addresses.released),
          failed: parts.flatMap(({ addresses }) => addresses.failed),
          left: parts.flatMap(({ addresses }) => addresses.left),
        },
        affinities: mergeReleases(parts.map(({ affinities }) => affinities)),
        isComplete,
      }
    },
  )
  done()
}

/** What is done about the next blocks; in a dry run, the addresses are still there that would be gone by then. */
function forgetBlocks(node: string, start: string, asIfReleased: boolean): Step<ForgetPart> {
  const step: Step<ReleaseStep> = (view, context) => planForgetNode(view, node, start, context, { asIfReleased })
  return printed(step, (done) => {
    const { next, ...affinities } = printReleaseStep(done)
    return { ...nothing, affinities, next: next === null ? null : `${inBlocks}${next}` }
  })
}

/** What is done about the next addresses that the node uses, from the place on that `start` names. */
async function forgetAddresses(walk: AddressWalk, start: string, isReleased: boolean): Promise<Step<ForgetPart>> {
  const place = start === '' ? firstPlace : readPlace(start)
  const { addresses: found, next: nextPlace } = await walk.take(place, isReleased ? addressesPerPart : addressesTold)
  const next = nextPlace === undefined ? inBlocks : printPlace(nextPlace)
  const step: Step<ReleaseAnswer> = (view, context) => planRelease(view, isReleased ? found.map(itemOf) : [], context)
  return printed(step, (done) => {
    const { released, failed } = printRelease(done)
    const left = isReleased ? failed.map(({ address }) => address) : found.map(({ address }) => formatAddress(address))
    return { ...nothing, addresses: { released, failed, left }, next }
  })
}

const nothing: Omit<ForgetPart, 'next'> = {
  addresses: { released: [], failed: [], left: [] },
  affinities: { released: [], stale: [], failed: [] },
}

/** An address is taken back only as the assignment that was found. */
function itemOf({ address, handle, sequenceNumber }: Allocation) {
  return { address, sequenceNumber, ...(handle !== undefined && { handle }) }
}

function printPlace({ key, ordinal }: Place): string {
  return `${ordinal} ${key}`
}

function readPlace(text: string): Place {
  const end = text.indexOf(' ')
  return { ordinal: Number(text.slice(0, end)), key: text.slice(end + 1) }
}
