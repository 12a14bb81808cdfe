import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import {
  type Allocation,
  type OutcomeOfRelease,
  planRelease,
  planReleaseAddress,
  planReleaseHandle,
  planReleaseHeld,
  type ReleaseAnswer,
  releasedTogetherMax,
  type ReleaseItem as PlannedItem,
  requireAnyDone,
} from '../../ipam/index.ts'
import { formatAddress, mustParseAddress } from '../../net/index.ts'
import { carryOutSteps, type Cause, type Plan, type Result, type Step, success } from '../../plan/index.ts'
import {
  answer,
  closed,
  problemsOfRepeatable,
  repeatable,
  ref,
  ReleaseBodyItem,
  ReleaseResponse,
  ReleaseBody,
} from '../schemas/index.ts'
import { changedNothing, noteChange, objectTypes, refuseFields, requireGranted } from '../wire/index.ts'
import { AddressPath, FailedAddress, printRelease, readAddresses } from './addresses/index.ts'
import { carryOut, carryOutChange, carryOutOnce, type IpamPlan, printStep, readStep } from './change.ts'
import { type ChangeMode, changeModeOf, changeModeOfQuery, IdempotencyHeaders } from './idempotency.ts'
import {
  type Examined,
  type IpamOptions,
  ChangeQuery,
  examined,
  refuseBody,
  beginCall,
  type IpamCall,
} from './request.ts'

const { handle, sequenceNumber } = ReleaseBodyItem.properties

const ReleaseQuery = Type.Object({ ...ChangeQuery.properties, handle, sequenceNumber }, closed)

/** `POST /release` and `DELETE /addresses/{ip}`: release addresses, or everything that a handle holds. */
export const releaseRoute: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.post(
    '/release',
    {
      config: { access: { verb: 'release', resource: 'addresses' } },
      attachValidation: true,
      schema: {
        operationId: 'releaseAddresses',
        tags: ['ipam'],
        summary: 'Release addresses',
        description: [
          'Releases addresses, or everything that a handle holds. An address that cannot be released does not stop the others. `Conflict`',
          'if no address is held as the request says: the causes name the field of each.',
        ].join(' '),
        consumes: [...objectTypes],
        headers: IdempotencyHeaders,
        querystring: ChangeQuery,
        body: ref(ReleaseBody),
        response: {
          200: repeatable(answer('What became of each address.', ReleaseResponse)),
          ...problemsOfRepeatable('NotFound'),
        },
      },
    },
    async (request, reply) => {
      const { handle, items } = examined(request, () => readRelease(request.body))
      noteChange(request, { handle, addresses: items.map(({ address }) => formatAddress(address)) })
      const mode = changeModeOf(request, reply, request.query)
      const call = beginCall(options, request)
      const released = await (handle === undefined
        ? releaseAddresses(call, items, mode)
        : releaseAllOfHandle(call, handle, mode))
      noteRelease(request, released)
      return released
    },
  )

  app.delete(
    '/addresses/:ip',
    {
      config: { access: { verb: 'release', resource: 'addresses' } },
      schema: {
        operationId: 'releaseAddress',
        tags: ['ipam'],
        summary: 'Release one address',
        description: [
          'Releases one address. `NotFound` if it is not held. `Conflict` if another handle holds it than the one given, or if it was',
          'assigned anew. Takes no body.',
        ].join(' '),
        params: AddressPath,
        headers: IdempotencyHeaders,
        querystring: ReleaseQuery,
        response: {
          200: repeatable(answer('The address was released.', ReleaseResponse)),
          ...problemsOfRepeatable('NotFound'),
        },
      },
    },
    async (request, reply) => {
      refuseBody(request.body)
      const { params, query } = request
      const { named, causes } = readAddresses([{ field: 'ip', text: params.ip }])
      const conditions = readConditions('', query)
      const address = named[0]?.address
      if (address === undefined || conditions.causes.length > 0) {
        throw refuseFields('Invalid', [...causes, ...conditions.causes])
      }
      const item = { address, ...conditions.value }
      const released = await carryOutChange(
        beginCall(options, request),
        changeModeOfQuery(request, reply, query),
        (view, context) => planReleaseAddress(view, item, context),
        (outcome): ReleaseResponse => ({ ...printRelease(outcome), isComplete: true }),
      )
      if (typeof released === 'string') noteChange(request, { repeated: true })
      else noteRelease(request, released)
      return reply.type('application/json; charset=utf-8').send(released)
    },
  )
  done()
}

/** Notes for the log what a release has released. */
export function noteRelease(request: FastifyRequest, { released, failed }: ReleaseResponse): void {
  noteChange(request, {
    addresses: released,
    released: released.length,
    ...(failed.length > 0 && { failed: failed.length }),
  })
}

/** The outcome of one transaction of a release, as it is stored. */
const ReleasePart = Type.Object({
  released: Type.Array(Type.String()),
  unallocated: Type.Array(Type.String()),
  failed: Type.Array(FailedAddress),
})

/**
 * Releases addresses, in transactions side by side; if the call takes effect once, the first of them goes ahead. Addresses whose
 * transaction failed are reported as such. Throws its fault if all of them failed, or if it is not known whether one was carried out, and
 * a refusal `Conflict` if no address is held as its item says.
 */
export async function releaseAddresses(
  options: IpamCall,
  items: readonly PlannedItem[],
  mode: ChangeMode,
): Promise<ReleaseResponse> {
  const shares = Array.from({ length: Math.ceil(items.length / releasedTogetherMax) }, (_, part) =>
    items.slice(part * releasedTogetherMax, (part + 1) * releasedTogetherMax),
  )
  const release = async (share: readonly PlannedItem[], part: number): Promise<OutcomeOfRelease> => {
    const plan: IpamPlan<Step<ReleaseAnswer>> = (view, context) => {
      const { answer, writes } = planRelease(view, share, context)
      const required = answer.ok && shares.length === 1 ? requireAnyDone(items, answer.value, fieldOfItem) : answer
      return { answer: required.ok ? success({ answer: required.value, next: undefined }) : required, writes }
    }
    return (await carryOutPart(options, mode, plan, part)).answer
  }
  const [first = [], ...others] = shares
  const leading = release(first, 0)
  // The first transaction shows whether the key is free for this call, before any other may change something.
  if (mode.once !== undefined) await leading
  const outcomes = await Promise.allSettled([leading, ...others.map((share, index) => release(share, index + 1))])
  const isAnyDone = outcomes.some(({ status }) => status === 'fulfilled')
  const parts = outcomes.map((outcome, part) => {
    if (outcome.status === 'fulfilled') return outcome.value
    const fault: unknown = outcome.reason
    if (isAnyDone && fault instanceof Error && changedNothing(fault)) return notReleased(shares[part] ?? [], fault)
    throw fault
  })
  const isComplete = outcomes.every(({ status }) => status === 'fulfilled')
  const outcome = requireGranted(requireAnyDone(items, mergeReleases(parts), fieldOfItem))
  return { ...printRelease(outcome), isComplete }
}

/** The field of the request that an item, or a part of it, stands in. */
function fieldOfItem(index: number, part: string): string {
  return part === 'address' ? `addresses[${index}]` : `addresses[${index}].${part}`
}

/**
 * Releases everything that a handle holds, step by step. Throws a refusal `NotFound` if there is no such handle, and the fault of the first
 * step; a fault of a later one, as when the time is over, ends the release early.
 */
export async function releaseAllOfHandle(
  options: IpamCall,
  handle: string,
  mode: ChangeMode,
): Promise<ReleaseResponse> {
  const { answers, next } = await carryOutSteps(
    (position, number) =>
      carryOutPart(
        options,
        mode,
        (view, context) => {
          const planned = planReleaseHandle(view, handle, position, context)
          return number === 0 ? planned : acceptMissing(planned)
        },
        number,
      ),
    { isHarmless: changedNothing },
  )
  return { ...printRelease(mergeReleases(answers)), isComplete: next === undefined }
}

/**
 * Releases what a handle was found to hold beyond what it is to hold, step by step. An address that was assigned anew since stays. Returns
 * what is left because a step failed, as when the time is over.
 */
export async function releaseExcess(
  options: IpamCall,
  handle: string,
  excess: readonly Allocation[],
): Promise<readonly Allocation[]> {
  let left = excess
  try {
    while (left.length > 0) {
      const step = left
      left = await carryOut(options, (view, context) => planReleaseHeld(view, handle, step, context))
    }
  } catch (fault) {
    if (!changedNothing(fault)) throw fault
  }
  return left
}

async function carryOutPart(
  options: IpamCall,
  mode: ChangeMode,
  plan: IpamPlan<Step<ReleaseAnswer>>,
  part: number,
): Promise<Step<OutcomeOfRelease>> {
  const outcome = await carryOutOnce(options, mode, plan, (step) => printStep(step, printRelease), part)
  if (!outcome.isRepeated) return outcome.answer
  const { answer, next } = readStep(ReleasePart, outcome.text)
  const { released, unallocated, failed } = answer
  return {
    answer: {
      released: released.map(mustParseAddress),
      unallocated: unallocated.map(mustParseAddress),
      failed: failed.map((one) => ({ ...one, address: mustParseAddress(one.address) })),
    },
    next,
  }
}

/** If the handle disappears between two steps, another client released the rest: report success. */
function acceptMissing(planned: Plan<Result<Step<ReleaseAnswer>>>): Plan<Result<Step<ReleaseAnswer>>> {
  if (planned.answer.ok || planned.answer.refusal.reason !== 'NotFound') return planned
  const answer = { released: [], unallocated: [], failed: [] }
  return { ...planned, answer: success({ answer, next: undefined }) }
}

function notReleased(items: readonly PlannedItem[], { message }: Error): OutcomeOfRelease {
  const failed = items.map(({ address }) => ({ address, reason: 'Unavailable' as const, message }))
  return { released: [], unallocated: [], failed }
}

function mergeReleases(parts: readonly OutcomeOfRelease[]): OutcomeOfRelease {
  return {
    released: parts.flatMap(({ released }) => released),
    unallocated: parts.flatMap(({ unallocated }) => unallocated),
    failed: parts.flatMap(({ failed }) => failed),
  }
}

/** The request of a release: everything that a handle holds, or items. */
export interface Wanted {
  readonly handle: string | undefined
  readonly items: readonly PlannedItem[]
}

/** Reads a request body, and reports everything that is wrong with it beyond its schema. */
export function readRelease({ handle, addresses: given }: ReleaseBody): Examined<Wanted> {
  const addresses = given ?? []
  const texts = addresses.map((entry, index) => {
    const field = `addresses[${index}]`
    if (typeof entry === 'string') return { field, text: entry, conditions: unconditional }
    return { field: `${field}.address`, text: entry.address, conditions: readConditions(`${field}.`, entry) }
  })
  const { named, causes } = readAddresses(texts)
  return {
    value: { handle, items: named.map(({ address, conditions }) => ({ address, ...conditions.value })) },
    causes: [
      ...whatCauses(handle !== undefined, addresses.length > 0),
      ...causes,
      ...texts.flatMap(({ conditions }) => conditions.causes),
    ],
  }
}

function whatCauses(isByHandle: boolean, isByName: boolean): readonly Cause[] {
  if (isByHandle && isByName) {
    return [
      {
        field: 'addresses',
        reason: 'FieldValueForbidden',
        message: 'must not be given beside handle; give either of the two',
      },
    ]
  }
  if (!isByHandle && !isByName) {
    return [
      {
        field: 'addresses',
        reason: 'FieldValueRequired',
        message: 'nothing is to be released; give addresses, or a handle',
      },
    ]
  }
  return []
}

const sequenceNumberMax = 2n ** 64n - 1n

type Conditions = Pick<PlannedItem, 'handle' | 'sequenceNumber'>

const unconditional: Examined<Conditions> = { value: {}, causes: [] }

/** Reads the preconditions of a request; `at` is the prefix of their fields. */
export function readConditions(
  at: string,
  { handle, sequenceNumber }: Omit<ReleaseBodyItem, 'address'>,
): Examined<Conditions> {
  // The schema has found what is no number at all.
  const number = /^\d{1,20}$/.test(String(sequenceNumber)) ? BigInt(sequenceNumber ?? 0) : undefined
  const causes: readonly Cause[] =
    number === undefined || number <= sequenceNumberMax
      ? []
      : [
          {
            field: `${at}sequenceNumber`,
            reason: 'FieldValueInvalid',
            message: `${number} is not allowed; give at most ${sequenceNumberMax}`,
          },
        ]
  return {
    value: { ...(handle !== undefined && { handle }), ...(number !== undefined && { sequenceNumber: number }) },
    causes,
  }
}
