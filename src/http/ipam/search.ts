import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { may, maySometimes } from '../../access/index.ts'
import { planMatchNodes, planReadAddress, planSearch } from '../../ipam/index.ts'
import { type Address, formatAddress, formatCidr, hostCidr, parseAddress, parseCidr } from '../../net/index.ts'
import { parseSelector } from '../../selector/index.ts'
import {
  type AllocationItem,
  answer,
  closed,
  type foundKinds,
  handle as handleSchema,
  MatchedNodes,
  pageMax,
  problems,
  SearchAnswer,
} from '../schemas/index.ts'
import { limits, RefusalError, refuseAccess, refuseFields } from '../wire/index.ts'
import { listAddresses, printAllocation } from './addresses/index.ts'
import { carryOut } from './change.ts'
import { listHandles } from './handle-list.ts'
import { beginCall, type IpamCall, type IpamOptions } from './request.ts'

/** The most results of each kind. */
const resultsMax = 50

const SearchQuery = Type.Object(
  {
    q: Type.String({
      minLength: 1,
      maxLength: limits.handleLength,
      pattern: '\\S',
      $comment: 'a text that is not blank',
      description: 'The text to look for.',
      examples: ['10.1.0.7'],
    }),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: resultsMax,
        description: 'Results of each kind at most; 10 when absent.',
        examples: [10],
      }),
    ),
  },
  closed,
)

const MatchQuery = Type.Object(
  {
    selector: Type.String({
      maxLength: 1_024,
      description: 'A selector, as pools have them: empty for all nodes.',
      examples: ["zone == 'a'"],
    }),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: pageMax,
        description: 'Names of nodes at most; 100 when absent. All are counted.',
        examples: [100],
      }),
    ),
  },
  closed,
)

type Result = SearchAnswer['results'][number]
type Searched = SearchAnswer['searched'][number]

/** What was found of some kinds, and whether that is all. */
interface Part {
  readonly results: readonly Result[]
  readonly searched: readonly Searched[]
}

/** `GET /search`: finds things by a text. `GET /selectors/nodes`: finds the nodes that a selector matches. */
export const searchRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  app.get(
    '/search',
    {
      config: { access: 'authenticated' },
      schema: {
        operationId: 'searchEverything',
        tags: ['ipam'],
        summary: 'Search everything by a text',
        description: [
          'Finds what has this text, as far as the caller may list it. For an address: that address, and the pools, blocks and reservations',
          'around it. For a CIDR: pools, blocks and reservations that share an address with it. For `name=value`: pools and nodes with that',
          'label, and addresses with that attribute. For any other text: pools, reservations and nodes that have it in their names, pools that have',
          'it in their CIDR, and handles that begin with it. All but handles and attributes is found in memory.',
        ].join(' '),
        querystring: SearchQuery,
        response: {
          200: answer('What was found.', SearchAnswer),
          ...problems('Conflict', 'Invalid', 'Expired', 'Timeout'),
        },
      },
    },
    async (request): Promise<SearchAnswer> => {
      const { q, limit = 10 } = request.query
      const parts = await search(beginCall(options, request), q.trim(), limit)
      return {
        results: parts.flatMap(({ results }) => results),
        searched: parts.flatMap(({ searched }) => searched),
      }
    },
  )

  app.get(
    '/selectors/nodes',
    {
      config: { access: nodeListing },
      schema: {
        operationId: 'matchNodes',
        tags: ['ipam'],
        summary: 'Find the nodes that a selector matches',
        description:
          'Tells which registered nodes a selector of a pool would match, so that it can be tried out before it is stored.',
        querystring: MatchQuery,
        response: { 200: answer('The nodes.', MatchedNodes), ...problems('Invalid', 'Timeout') },
      },
    },
    async (request): Promise<MatchedNodes> => {
      const { selector: text, limit = 100 } = request.query
      const { store, rights, deadlineMs } = beginCall(options, request)
      if (!may(rights, nodeListing, {})) throw refuseAccess(rights, nodeListing)
      const parsed = parseSelector(text)
      if (!parsed.ok) {
        const message = `must be a selector such as zone == 'a': ${parsed.error.message}`
        throw refuseFields('Invalid', [{ field: 'selector', reason: 'FieldValueInvalid', message }])
      }
      const { nodes, ...counts } = (
        await store.submit((view) => planMatchNodes(view, parsed.selector, limit), { deadlineMs })
      ).answer
      return { nodes: [...nodes], ...counts }
    },
  )
  done()
}

const nodeListing = { verb: 'list', resource: 'nodes' } as const

async function search(call: IpamCall, text: string, limit: number): Promise<readonly Part[]> {
  const address = parseAddress(text)
  const range = address === undefined ? parseCidr(text) : hostCidr(address)
  const [name = '', value] = text.split(/=(.*)/s)
  const attribute = value === undefined || name === '' ? undefined : ([name, value] as const)
  const isName = range === undefined && attribute === undefined
  const parts = await Promise.all([
    address === undefined ? nothing : findAddress(call, address),
    findInMemory(call, { text, range, limit }),
    isName ? findHandles(call, text, limit) : nothing,
    attribute === undefined ? nothing : findAttribute(call, attribute, limit),
  ])
  return parts
}

const nothing: Part = { results: [], searched: [] }

async function findInMemory(call: IpamCall, request: Parameters<typeof planSearch>[1]): Promise<Part> {
  const kinds = await carryOut(call, (view, context) => planSearch(view, request, context))
  return {
    results: kinds.flatMap(({ found }) =>
      found.map(({ kind, name, cidr }) => resultOf(kind, name, { cidr: cidr === undefined ? null : formatCidr(cidr) })),
    ),
    searched: kinds.map(({ kind, isComplete }) => ({ kind, isComplete })),
  }
}

/** Finds an address, held or not. */
async function findAddress(call: IpamCall, address: Address): Promise<Part> {
  if (!maySometimes(call.rights, { verb: 'get', resource: 'addresses' })) return nothing
  const searched = [{ kind: 'address', isComplete: true }] as const
  try {
    const held = await carryOut(call, (view, context) => planReadAddress(view, address, context))
    return { results: [addressResult(printAllocation(held))], searched }
  } catch (fault) {
    const isFree = fault instanceof RefusalError && fault.refusal.reason === 'NotFound'
    if (!isFree) throw fault
    return { results: [resultOf('address', formatAddress(address))], searched }
  }
}

/** Finds handles that begin with the text. */
async function findHandles(call: IpamCall, prefix: string, limit: number): Promise<Part> {
  const isHandle = new RegExp(handleSchema.pattern).test(prefix)
  if (!isHandle || !maySometimes(call.rights, { verb: 'list', resource: 'handles' })) return nothing
  const found = await listHandles(call, { prefix, limit })
  return {
    results: found.handles.map(({ handle }) => resultOf('handle', handle)),
    searched: [{ kind: 'handle', isComplete: found.continue === null }],
  }
}

/** Finds addresses with an attribute, in as many blocks as one page of the list reads. */
async function findAttribute(
  call: IpamCall,
  attribute: readonly [name: string, value: string],
  limit: number,
): Promise<Part> {
  if (!maySometimes(call.rights, { verb: 'list', resource: 'addresses' })) return nothing
  const found = await listAddresses(call, { attributes: [attribute], limit })
  return {
    results: found.addresses.map(addressResult),
    searched: [{ kind: 'address', isComplete: found.continue === null }],
  }
}

function addressResult({ address, pool, handle, node }: AllocationItem): Result {
  return resultOf('address', address, { pool, handle, node })
}

function resultOf(kind: (typeof foundKinds)[number], name: string, more: Partial<Result> = {}): Result {
  return { kind, name, cidr: null, pool: null, handle: null, node: null, ...more }
}
