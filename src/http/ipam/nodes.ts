import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from '@sinclair/typebox'
import { itemOf, planRelease, planRemoveNode, releasedTogetherMax, selectReadable } from '../../ipam/index.ts'
import { formatAddress } from '../../net/index.ts'
import { carryOutSteps, inTurn, success, type TakeStep } from '../../plan/index.ts'
import { RemovedNodeResponse, answer, problemsOfRepeatable, repeatable, closed, oneOf } from '../schemas/index.ts'
import { changedNothing, noteChange } from '../wire/index.ts'
import { AddressWalk, FailedAddress, firstPlace, type Place, printRelease } from './addresses/index.ts'
import { anyNode, mergeReleases, printReleasedBlocks, ReleasePart } from './affinities.ts'
import { carryOutStep } from './change.ts'
import { type ChangeMode, changeModeOfQuery, IdempotencyHeaders } from './idempotency.ts'
import { type IpamOptions, refuseBody, beginCall, type IpamCall } from './request.ts'

const NodePath = Type.Object({ node: Type.String({ ...anyNode, description: 'The node.' }) }, closed)

const RemoveQuery = Type.Object(
  {
    releaseAddresses: Type.Optional(
      Type.Boolean({ description: 'Also release the addresses that the node uses.', examples: [true] }),
    ),
    dryRun: Type.Optional(
      oneOf(['All'], { description: 'Answer what would happen, and write nothing.', examples: ['All'] }),
    ),
  },
  closed,
)

/** The outcome of one step of removing a node: of its addresses first, then of its blocks. */
const RemovePart = Type.Object({
  addresses: Type.Object({
    released: Type.Array(Type.String()),
    failed: Type.Array(FailedAddress),
    left: Type.Array(Type.String()),
  }),
  affinities: ReleasePart,
})
type RemovePart = Static<typeof RemovePart>

/** Addresses that one step only reports. */
const reportedTogetherMax = 1_000

/** `DELETE /nodes/{node}`: remove a node. */
export const nodeRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.delete(
    '/nodes/:node',
    {
      config: { access: { verb: 'delete', resource: 'nodes' } },
      schema: {
        operationId: 'forgetNode',
        tags: ['ipam'],
        summary: 'Remove a node',
        description: [
          'Releases all blocks of a node that is gone and, on request, the addresses that it used. Reports what was released and what is',
          'left. Its labels, a resource of their own, stay. Takes no body.',
        ].join(' '),
        params: NodePath,
        headers: IdempotencyHeaders,
        querystring: RemoveQuery,
        response: {
          200: repeatable(answer('What became of everything that the node had.', RemovedNodeResponse)),
          ...problemsOfRepeatable(),
        },
      },
    },
    async (request, reply): Promise<RemovedNodeResponse> => {
      refuseBody(request.body)
      const { node } = request.params
      const { releaseAddresses = false } = request.query
      const mode = changeModeOfQuery(request, reply, request.query)
      const call = beginCall(options, request)
      const { answers, next } = await carryOutSteps(
        inTurn(
          addressSteps(call, mode, node, releaseAddresses),
          'blocks ',
          blockSteps(call, mode, node, releaseAddresses && mode.dryRun === 'All'),
        ),
        { isHarmless: changedNothing },
      )
      const released = answers.flatMap(({ addresses }) => addresses.released)
      const affinities = mergeReleases(answers.map(({ affinities }) => affinities))
      const blocks = affinities.released.map(({ block }) => block)
      noteChange(request, { addresses: released, released: released.length, blocks })
      return {
        node,
        addresses: {
          released,
          failed: answers.flatMap(({ addresses }) => addresses.failed),
          left: answers.flatMap(({ addresses }) => addresses.left),
        },
        affinities,
        isComplete: next === undefined,
      }
    },
  )
  done()
}

/** Releases, or reports, the addresses that the node uses. */
function addressSteps(options: IpamCall, mode: ChangeMode, node: string, isReleased: boolean): TakeStep<RemovePart> {
  const walk = new AddressWalk(options, { node, attributes: [] })
  const limit = isReleased ? releasedTogetherMax : reportedTogetherMax
  return async (position, number) => {
    const { addresses: found, next } = await walk.take(position === '' ? firstPlace : readPlace(position), limit)
    const step = { next: next && printPlace(next) }
    return carryOutStep(
      options,
      mode,
      number,
      (view, context) => {
        const { answer, writes } = planRelease(view, isReleased ? found.map(itemOf) : [], context)
        if (!answer.ok) return { answer, writes }
        const left = isReleased ? [] : selectReadable(view, found, context)
        return { answer: success({ answer: { ...answer.value, left }, ...step }), writes }
      },
      {
        schema: RemovePart,
        print: (release) => {
          const { released, failed } = printRelease(release)
          const left = isReleased
            ? failed.map(({ address }) => address)
            : release.left.map(({ address }) => formatAddress(address))
          return { ...nothing, addresses: { released, failed, left } }
        },
      },
    )
  }
}

/** Releases the blocks of the node. In a dry run the addresses are still there that would be released by then. */
function blockSteps(options: IpamCall, mode: ChangeMode, node: string, asIfReleased: boolean): TakeStep<RemovePart> {
  return (position, number) =>
    carryOutStep(
      options,
      mode,
      number,
      (view, context) => planRemoveNode(view, node, position, context, { asIfReleased }),
      { schema: RemovePart, print: (release) => ({ ...nothing, affinities: printReleasedBlocks(release) }) },
    )
}

const nothing: RemovePart = {
  addresses: { released: [], failed: [], left: [] },
  affinities: { released: [], stale: [], failed: [] },
}

function printPlace({ key, ordinal }: Place): string {
  return `${ordinal} ${key}`
}

function readPlace(text: string): Place {
  const end = text.indexOf(' ')
  return { ordinal: Number(text.slice(0, end)), key: text.slice(end + 1) }
}
