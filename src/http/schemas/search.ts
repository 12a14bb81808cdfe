import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { AllocationItem } from './assignment.ts'
import { closed, nullableText, oneOf, ref } from './fields.ts'
import { StatusCause } from './status.ts'

/** The kinds of what can be found. */
export const foundKinds = ['address', 'block', 'handle', 'node', 'pool', 'reservation'] as const

const kind = oneOf(foundKinds, { title: 'FoundKind', prefix: 'Kind_', description: 'The kind of what was found.' })

const searchResult = Type.Object(
  {
    kind,
    name: Type.String({ description: 'The name; of an address or a block, the address or the CIDR.' }),
    cidr: nullableText('The range of a pool, a block or a reservation; null for others.'),
    pool: nullableText('The pool of a held address; null for others.'),
    handle: nullableText('The handle that holds an address; null if there is none.'),
    node: nullableText('The node that uses a held address; null if there is none.'),
  },
  { ...closed, title: 'SearchResult', description: 'Something that was found.' },
)

const searchedKind = Type.Object(
  {
    kind,
    isComplete: Type.Boolean({
      description: 'False if there is more of this kind, or if not all of it was looked at.',
    }),
  },
  { ...closed, title: 'SearchedKind', description: 'A kind that was searched.' },
)

/** What a search has found. */
export const SearchAnswer = Type.Object(
  {
    results: Type.Array(searchResult, { description: 'What was found, kind by kind, the best of each first.' }),
    searched: Type.Array(searchedKind, {
      description:
        'The kinds that were searched: those that can have such a text, and of which the caller may list some.',
    }),
  },
  {
    ...closed,
    $id: 'SearchAnswer',
    description: 'What a search has found.',
    examples: [
      {
        results: [{ kind: 'pool', name: 'my.ippool-1', cidr: '10.1.0.0/24', pool: null, handle: null, node: null }],
        searched: [{ kind: 'pool', isComplete: true }],
      },
    ],
  },
)
export type SearchAnswer = Static<typeof SearchAnswer>

/** The nodes that a selector matches. */
export const MatchedNodes = Type.Object(
  {
    nodes: Type.Array(Type.String(), { description: 'The names of nodes that it matches, in their order.' }),
    matched: Type.Integer({ format: 'int32', description: 'The number of nodes that it matches.' }),
    total: Type.Integer({ format: 'int32', description: 'The number of registered nodes.' }),
  },
  {
    ...closed,
    $id: 'MatchedNodes',
    description: 'The registered nodes that a selector matches.',
    examples: [{ nodes: ['node-1'], matched: 1, total: 2 }],
  },
)
export type MatchedNodes = Static<typeof MatchedNodes>

/** What an assign would do, and why. */
export const AssignExplanation = Type.Object(
  {
    addresses: Type.Array(ref(AllocationItem), {
      description: 'The addresses that it would assign now; none if it would be refused.',
    }),
    reason: nullableText('The reason why it would be refused, as in a `Status`; null if it would not be.'),
    message: nullableText('The same for people; may change.'),
    eligiblePools: Type.Array(Type.String(), {
      description: 'The pools that may serve it, in the order in which they are used; none if it names addresses.',
    }),
    causes: Type.Array(ref(StatusCause), {
      description:
        'Why the other pools do not serve it, pool by pool; if it would be refused, also why those that may are full.',
    }),
  },
  {
    ...closed,
    $id: 'AssignExplanation',
    description: 'What an assign would do, and why.',
    examples: [
      {
        addresses: [],
        reason: 'InsufficientAddresses',
        message: 'Only 0 of 1 IPv4 addresses could be found.',
        eligiblePools: [],
        causes: [{ reason: 'PoolDisabled', message: 'pool blue is disabled (spec.disabled)', field: 'pools[blue]' }],
      },
    ],
  },
)
export type AssignExplanation = Static<typeof AssignExplanation>
