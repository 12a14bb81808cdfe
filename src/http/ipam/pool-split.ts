import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { formatCidr } from '../../net/index.ts'
import { partsMax, planSplit } from '../../resources/index.ts'
import {
  answer,
  problemsOfRepeatable,
  repeatable,
  closed,
  name,
  SplitResponse,
  SplitBody,
  ref,
} from '../schemas/index.ts'
import { noteChange, objectTypes } from '../wire/index.ts'
import { carryOutChange } from './change.ts'
import { changeModeOf, IdempotencyHeaders } from './idempotency.ts'
import { beginCall, type IpamOptions, ChangeQuery } from './request.ts'

const PoolPath = Type.Object(
  { name: Type.String({ ...name, description: 'The pool.', examples: ['my.ippool-1'] }) },
  closed,
)

/** `POST /pools/{name}/split`: cuts a pool into several. */
export const poolSplitRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/pools/:name/split',
    {
      config: { access: { verb: 'update', resource: 'ippools' } },
      schema: {
        operationId: 'splitPool',
        tags: ['ipam'],
        summary: 'Split a pool into equal parts',
        description: [
          'Replaces the pool by enabled pools of equal size with the same specification, all at once. Addresses stay with their handles,',
          'and blocks with their nodes. May be repeated, and completes what `calicoctl ipam split` has left half-way. If there is a',
          'ClusterInformation, its `datastoreReady` must be false, as for calicoctl.',
        ].join(' '),
        consumes: [...objectTypes],
        params: PoolPath,
        headers: IdempotencyHeaders,
        querystring: ChangeQuery,
        body: ref(SplitBody),
        response: {
          200: repeatable(answer('The pool is gone, and these are in its place.', SplitResponse)),
          ...problemsOfRepeatable('NotFound'),
        },
      },
    },
    async (request, reply) => {
      const { params, body, query } = request
      const uids = Array.from({ length: partsMax }, () => options.newUid())
      const split = await carryOutChange(
        beginCall(options, request),
        changeModeOf(request, reply, query),
        (view, { now, rights }) => planSplit(view, params.name, body.parts, { now, uids, rights }),
        ({ parts }) => ({
          pool: params.name,
          parts: parts.map((part) => ({ name: part.name, cidr: formatCidr(part.cidr) })),
        }),
      )
      noteChange(
        request,
        typeof split === 'string' ? { repeated: true } : { names: split.parts.map(({ name }) => name) },
      )
      return reply.type('application/json; charset=utf-8').send(split)
    },
  )
  done()
}
