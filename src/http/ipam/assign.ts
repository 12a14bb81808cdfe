import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { type AssignRequest, type HandleSnapshot, planAssign } from '../../ipam/index.ts'
import { isWindowsReserved } from '../../model/index.ts'
import type { Cause } from '../../plan/index.ts'
import {
  answer,
  AssignBody,
  AssignmentResponse,
  located,
  problemsOfRepeatable,
  ref,
  repeatable,
} from '../schemas/index.ts'
import { objectTypes, limits, noteChange, rethrowWithHandle, quoteValue } from '../wire/index.ts'
import { addressesIn, printAssignment, readAddresses, withHoldings } from './addresses/index.ts'
import { attributeCauses } from './attribute-causes.ts'
import { carryOutChange } from './change.ts'
import { changeModeOf, IdempotencyHeaders } from './idempotency.ts'
import { type Examined, type IpamOptions, ChangeQuery, examined, locateHandle, beginCall } from './request.ts'

/** `POST /assign`: assign addresses. */
export const assignRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/assign',
    {
      // A call that lost its body would take an address that its caller does not know of.
      config: { access: { verb: 'assign', resource: 'addresses' }, requiresBody: true },
      attachValidation: true,
      schema: {
        operationId: 'assignAddresses',
        tags: ['ipam'],
        summary: 'Assign addresses',
        description: [
          'Assigns addresses to a handle: a number of each family, or named ones. All or nothing, unless `partial` is set.',
          'Needs a body; an empty object asks for one IPv4 address.',
          'A call that is sent twice assigns twice, unless it has an `Idempotency-Key`.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        querystring: ChangeQuery,
        body: ref(AssignBody),
        response: {
          201: located(repeatable(answer('The addresses, in the order asked for.', AssignmentResponse))),
          ...problemsOfRepeatable('AddressInUse', 'InsufficientAddresses'),
        },
      },
    },
    async (request, reply) => {
      const wanted = examined(request, () => readAssign(request.body, options.newUid))
      noteChange(request, { handle: wanted.handle, node: wanted.node })
      const mode = changeModeOf(request, reply, request.query)
      const call = beginCall(options, request)
      const assign = (held?: HandleSnapshot): Promise<AssignmentResponse | string> =>
        carryOutChange(call, mode, (view, context) => planAssign(view, wanted, { ...context, held }), printAssignment)
      const assigned = await (wanted.maxPerHandle === undefined
        ? assign()
        : withHoldings(call, wanted.handle, assign)
      ).catch(rethrowWithHandle(wanted.handle))
      if (typeof assigned === 'string') noteChange(request, { repeated: true })
      else noteChange(request, { addresses: addressesIn(assigned), assigned: assigned.addresses.length })
      if (mode.dryRun === undefined) locateHandle(reply, handleIn(assigned) ?? wanted.handle)
      return reply.code(201).type('application/json; charset=utf-8').send(assigned)
    },
  )
  done()
}

const NamesHandle = Type.Object({ handle: Type.String() })

/** The handle in an answer. The server may have chosen it, and for a repetition it is the one that the first call got. */
function handleIn(assigned: object | string): string | undefined {
  const body: unknown = typeof assigned === 'string' ? JSON.parse(assigned) : assigned
  return Value.Check(NamesHandle, body) ? body.handle : undefined
}

/** Reads a request body, with every default filled in, and reports everything that is wrong with it beyond its schema. */
export function readAssign(body: AssignBody, newHandle: () => string): Examined<AssignRequest> {
  const texts = (body.addresses ?? []).map((text, index) => ({ field: `addresses[${index}]`, text }))
  const { named, causes } = readAddresses(texts)
  const isByName = body.addresses !== undefined && body.addresses !== null
  const isByCount = body.ipv4 !== undefined || body.ipv6 !== undefined
  const value = {
    handle: body.handle ?? newHandle(),
    node: body.node,
    counts: { 4: body.ipv4 ?? (isByName || isByCount ? 0 : 1), 6: body.ipv6 ?? 0 },
    addresses: named.map(({ address }) => address),
    pools: body.pools ?? [],
    use: body.use,
    namespaceLabels: labelsOf(body.namespace),
    attributes: body.attributes ?? {},
    maxBlocksPerNode: body.maxBlocksPerNode ?? 0,
    ...(body.maxPerHandle !== undefined && { maxPerHandle: body.maxPerHandle }),
    ...(body.hostReserved !== undefined && { hostReserved: hostReservedOf(body.hostReserved) }),
    partial: body.partial ?? false,
  }
  return {
    value,
    causes: [
      ...handleCauses(value.handle),
      ...howManyCauses(value, isByName),
      ...causes,
      ...attributeCauses(value),
      ...hostCauses(value),
    ],
  }
}

function hostReservedOf({
  ipv4,
  ipv6,
}: NonNullable<AssignBody['hostReserved']>): NonNullable<AssignRequest['hostReserved']> {
  return { ...(ipv4 !== undefined && { 4: ipv4 }), ...(ipv6 !== undefined && { 6: ipv6 }) }
}

/** Reports a handle that may get no addresses. `at` is the path of the object that has it; '' is the body. */
export function handleCauses(handle: string, at = ''): readonly Cause[] {
  if (!isWindowsReserved(handle)) return []
  const field = at === '' ? 'handle' : `${at}.handle`
  const message = `${quoteValue(handle)} is not allowed: what it holds counts as free, as Windows hosts use it; choose another name`
  return [{ field, reason: 'FieldValueInvalid', message }]
}

function hostCauses({ hostReserved, node }: AssignRequest): readonly Cause[] {
  if (hostReserved === undefined || node !== undefined) return []
  return [{ field: 'node', reason: 'FieldValueRequired', message: 'hostReserved is for a node; name it' }]
}

function howManyCauses({ counts }: AssignRequest, isByName: boolean): readonly Cause[] {
  const isByCount = counts[4] > 0 || counts[6] > 0
  if (isByName && isByCount) {
    return [
      {
        field: 'addresses',
        reason: 'FieldValueForbidden',
        message: 'must not be given beside ipv4 or ipv6; give either addresses or counts',
      },
    ]
  }
  if (!isByName && !isByCount) {
    return [
      {
        field: 'ipv4',
        reason: 'FieldValueInvalid',
        message: `0 asks for nothing; give 1 to ${limits.addresses}, or leave it out for one IPv4 address`,
      },
    ]
  }
  return []
}

/** The labels of a namespace. Kubernetes gives every namespace its name as a label, and selectors rely on it. */
function labelsOf(namespace: AssignBody['namespace']): Readonly<Record<string, string>> {
  return {
    ...(namespace?.name !== undefined && { 'kubernetes.io/metadata.name': namespace.name }),
    ...namespace?.labels,
  }
}
