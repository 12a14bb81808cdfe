import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import type { BlockFailure } from '../../ipam/index.ts'
import { limits } from '../wire/index.ts'
import { closed, dryRunField, isComplete, name, oneOf, ref } from './fields.ts'
import { FailedReleaseItem } from './release.ts'

/** A range of blocks in a request. */
export const cidrField = {
  minLength: 1,
  maxLength: limits.addressLength,
  description: 'A block or a range of blocks, as a CIDR.',
  examples: ['10.1.0.0/24'],
}

/** A pool in a request. */
export const poolField = {
  minLength: 1,
  maxLength: limits.nameLength,
  description: 'The blocks of this pool; its name or its CIDR.',
  examples: ['my.ippool-1'],
}

/** The body of a claim. */
export const ClaimBody = Type.Object(
  {
    node: Type.String({ ...name, description: 'The node that gets the blocks.', examples: ['node-1'] }),
    cidr: Type.Optional(Type.String(cidrField)),
    pool: Type.Optional(Type.String(poolField)),
  },
  {
    ...closed,
    $id: 'ClaimRequest',
    description:
      'The blocks that a node claims: those of a range, of a pool, or of a range within a pool; at most 4,096.',
    examples: [{ node: 'node-1', cidr: '10.1.0.0/24' }],
  },
)
export type ClaimBody = Static<typeof ClaimBody>

/** Reasons why a block was not changed. */
export const blockFailures = [
  'ClaimedByOther',
  'NoAffinity',
  'Overlap',
  'NotEmpty',
  'Unreadable',
] as const satisfies readonly BlockFailure[]

/** A block that was not changed. */
export const FailedBlockItem = Type.Object(
  {
    block: Type.String({ description: 'The CIDR of the block.' }),
    reason: oneOf(blockFailures, {
      title: 'BlockFailure',
      prefix: 'Block',
      description: [
        '`ClaimedByOther`: it has an affinity to another node. `NoAffinity`: it has no affinity, and is deleted when it is empty.',
        '`Overlap`: a block of another size overlaps it. `NotEmpty`: it has addresses, and the call releases empty blocks only.',
        '`Unreadable`: the stored block cannot be read.',
      ].join(' '),
    }),
    message: Type.String(),
  },
  { ...closed, $id: 'FailedBlock', description: 'A block that was not changed, and why.' },
)

/** Result of a claim. */
export const ClaimResponse = Type.Object(
  {
    node: Type.String({ description: 'The node.' }),
    claimed: Type.Array(Type.String(), { description: 'Blocks that this call gave to the node.' }),
    unchanged: Type.Array(Type.String(), { description: 'Blocks that the node had already.' }),
    failed: Type.Array(ref(FailedBlockItem), { description: 'Blocks that the node did not get.' }),
    isComplete,
    dryRun: dryRunField,
  },
  {
    ...closed,
    $id: 'Claim',
    description: 'The result for each block, in ascending order.',
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
export type ClaimResponse = Static<typeof ClaimResponse>

const affinity = Type.String({
  description: 'Its affinity before the release, as Calico writes it.',
  examples: ['host:node-1'],
})

/** A block that was released from its node. */
export const ReleasedBlockItem = Type.Object(
  {
    block: Type.String({ description: 'The CIDR of the block.' }),
    affinity,
    isDeleted: Type.Boolean({
      description:
        'True if the block was empty and is deleted. Otherwise it is deleted when its last address is released.',
    }),
  },
  { ...closed, $id: 'ReleasedBlock', description: 'A block that was released from its node.' },
)

/** An affinity without a block. */
export const StaleAffinityItem = Type.Object(
  { block: Type.String({ description: 'The CIDR of the block.' }), affinity },
  { ...closed, $id: 'StaleClaim', description: 'An affinity to a block that does not exist or has another affinity.' },
)

const affinityRelease = {
  released: Type.Array(ref(ReleasedBlockItem), { description: 'Blocks that were released.' }),
  stale: Type.Array(ref(StaleAffinityItem), { description: 'Affinities without a block; they were removed.' }),
  failed: Type.Array(ref(FailedBlockItem), { description: 'Blocks that were not changed.' }),
}

const affinityReleaseExample = {
  released: [{ block: '10.1.0.0/26', affinity: 'host:node-1', isDeleted: true }],
  stale: [],
  failed: [],
}

/** Result of a release of blocks. */
export const AffinityReleaseResponse = Type.Object(
  { ...affinityRelease, isComplete, dryRun: dryRunField },
  {
    ...closed,
    $id: 'AffinityRelease',
    description: 'The result for the blocks and their affinities.',
    examples: [{ ...affinityReleaseExample, isComplete: true }],
  },
)
export type AffinityReleaseResponse = Static<typeof AffinityReleaseResponse>

/** Result of the removal of a node. */
export const RemovedNodeResponse = Type.Object(
  {
    node: Type.String({ description: 'The node.' }),
    addresses: Type.Object(
      {
        released: Type.Array(Type.String(), { description: 'Addresses of the node that were released.' }),
        failed: Type.Array(ref(FailedReleaseItem), { description: 'Addresses that could not be released.' }),
        left: Type.Array(Type.String(), {
          description: 'Addresses that the node still uses: their release was not requested, or failed.',
        }),
      },
      { ...closed, title: 'ForgottenNodeAddresses', description: 'The result for the addresses that the node used.' },
    ),
    affinities: Type.Object(affinityRelease, {
      ...closed,
      title: 'ForgottenNodeBlocks',
      description: 'The result for its blocks.',
    }),
    isComplete,
    dryRun: dryRunField,
  },
  {
    ...closed,
    $id: 'ForgottenNode',
    description: 'The result for everything that a node had.',
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
export type RemovedNodeResponse = Static<typeof RemovedNodeResponse>
