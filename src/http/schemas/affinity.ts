import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import type { BlockFailure } from '../../ipam/index.ts'
import { limits } from '../wire/index.ts'
import { closed, name, oneOf } from './fields.ts'
import { ref } from './ref.ts'
import { FailedRelease } from './release.ts'

/** A range of blocks in a request. */
export const cidrField = {
  minLength: 1,
  maxLength: limits.addressLength,
  description: 'A block, or a range of blocks, as a CIDR.',
  examples: ['10.1.0.0/24'],
}

/** A pool in a request. */
export const poolField = {
  minLength: 1,
  maxLength: limits.nameLength,
  description: 'The blocks of this pool, a name or a CIDR.',
  examples: ['my.ippool-1'],
}

/** The body of a claim. */
export const ClaimBody = Type.Object(
  {
    node: Type.String({ ...name, description: 'The node that the blocks are to belong to.', examples: ['node-1'] }),
    cidr: Type.Optional(Type.String(cidrField)),
    pool: Type.Optional(Type.String(poolField)),
  },
  {
    ...closed,
    $id: 'ClaimRequest',
    description:
      'Which blocks a node is to have: those of a range, of a pool, or of a range of that pool; 4,096 at the most.',
    examples: [{ node: 'node-1', cidr: '10.1.0.0/24' }],
  },
)
export type ClaimBody = Static<typeof ClaimBody>

/** Why a block is left as it was. */
export const blockFailures = [
  'ClaimedByOther',
  'NoAffinity',
  'Overlap',
  'NotEmpty',
  'Unreadable',
] as const satisfies readonly BlockFailure[]

/** A block that was left as it was. */
export const FailedBlock = Type.Object(
  {
    block: Type.String({ description: 'The CIDR of the block.' }),
    reason: oneOf(blockFailures, {
      title: 'BlockFailure',
      prefix: 'Block',
      description: [
        '`ClaimedByOther`: it belongs to somebody else. `NoAffinity`: it belongs to nobody, and is on its way out.',
        '`Overlap`: a block of another size is in its place. `NotEmpty`: it has addresses, and was to be given up only without.',
        '`Unreadable`: what is stored of it cannot be read.',
      ].join(' '),
    }),
    message: Type.String(),
  },
  { ...closed, $id: 'FailedBlock', description: 'A block that was left as it was, and why.' },
)

const isComplete = Type.Boolean({
  description: 'False: it was stopped on the way. What was done stays done; send the call again for the rest.',
})

/** What became of each block of a claim. */
export const Claim = Type.Object(
  {
    node: Type.String({ description: 'The node.' }),
    claimed: Type.Array(Type.String(), { description: 'Blocks that it has by this call.' }),
    unchanged: Type.Array(Type.String(), { description: 'Blocks that it had already.' }),
    failed: Type.Array(ref(FailedBlock), { description: 'Blocks that it did not get.' }),
    isComplete,
  },
  {
    ...closed,
    $id: 'Claim',
    description: 'What became of each block, in ascending order.',
    examples: [
      {
        node: 'node-1',
        claimed: ['10.1.0.0/26', '10.1.0.64/26'],
        unchanged: ['10.1.0.128/26'],
        failed: [{ block: '10.1.0.192/26', reason: 'ClaimedByOther', message: 'It belongs to host:node-2.' }],
        isComplete: true,
      },
    ],
  },
)
export type Claim = Static<typeof Claim>

const affinity = Type.String({ description: 'Who it belonged to, as Calico writes it.', examples: ['host:node-1'] })

/** A block that was given up. */
export const ReleasedBlock = Type.Object(
  {
    block: Type.String({ description: 'The CIDR of the block.' }),
    affinity,
    isDeleted: Type.Boolean({
      description: 'Whether the block was empty, and is gone. Otherwise it vanishes with its last address.',
    }),
  },
  { ...closed, $id: 'ReleasedBlock', description: 'A block that does not belong to its owner any more.' },
)

/** A claim that led nowhere. */
export const StaleClaim = Type.Object(
  { block: Type.String({ description: 'The CIDR of the block.' }), affinity },
  { ...closed, $id: 'StaleClaim', description: 'A claim on a block that does not exist, or belongs to somebody else.' },
)

const affinityRelease = {
  released: Type.Array(ref(ReleasedBlock), { description: 'Blocks that were given up.' }),
  stale: Type.Array(ref(StaleClaim), { description: 'Claims that led nowhere, and were removed.' }),
  failed: Type.Array(ref(FailedBlock), { description: 'Blocks that were left as they were.' }),
}

const affinityReleaseExample = {
  released: [{ block: '10.1.0.0/26', affinity: 'host:node-1', isDeleted: true }],
  stale: [],
  failed: [],
}

/** What became of the blocks of a release of affinities. */
export const AffinityRelease = Type.Object(
  { ...affinityRelease, isComplete },
  {
    ...closed,
    $id: 'AffinityRelease',
    description: 'What became of the blocks, and of claims on them.',
    examples: [{ ...affinityReleaseExample, isComplete: true }],
  },
)
export type AffinityRelease = Static<typeof AffinityRelease>

/** What became of everything that a node had. */
export const ForgottenNode = Type.Object(
  {
    node: Type.String({ description: 'The node.' }),
    addresses: Type.Object(
      {
        released: Type.Array(Type.String(), { description: 'Addresses that it used, and that were taken back.' }),
        failed: Type.Array(ref(FailedRelease), { description: 'Addresses that could not be taken back.' }),
        left: Type.Array(Type.String(), {
          description:
            'Addresses that it uses still, because nobody asked for them to be taken back, or because that failed.',
        }),
      },
      { ...closed, title: 'ForgottenNodeAddresses', description: 'What became of the addresses that it used.' },
    ),
    affinities: Type.Object(affinityRelease, {
      ...closed,
      title: 'ForgottenNodeBlocks',
      description: 'What became of its blocks.',
    }),
    isComplete,
  },
  {
    ...closed,
    $id: 'ForgottenNode',
    description: 'What became of everything that a node had.',
    examples: [
      {
        node: 'node-1',
        addresses: { released: ['10.1.0.5'], failed: [], left: [] },
        affinities: affinityReleaseExample,
        isComplete: true,
      },
    ],
  },
)
export type ForgottenNode = Static<typeof ForgottenNode>
