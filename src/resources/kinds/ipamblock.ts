import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import {
  type Block,
  blockKey,
  blocks,
  isJsonArray,
  isJsonObject,
  type JsonObject,
  jsonObject,
  parseJson,
} from '../../model/index.ts'
import { derivedColumn, textColumn } from '../columns.ts'
import { calicoGroup, type ReadOnlyKind, type StoredObject } from '../kind.ts'
import { objectIn } from '../object/index.ts'
import { parseShown, showFamily, showStored } from '../storage.ts'
import { dashedCidr, labelsOfBlock, parseDashedCidr } from './cidr-names.ts'

const texts = (description: string) =>
  Type.Optional(Type.Object({}, { additionalProperties: Type.String(), description }))

const AllocationAttribute = Type.Object(
  {
    handle_id: Type.Optional(Type.String({ description: 'The handle that holds the addresses.' })),
    secondary: texts('The active holder attributes.'),
    alternateOwnerAttrs: texts('The alternate holder attributes.'),
    releasedAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When the addresses were released; they cool down since then.' }),
    ),
  },
  { title: 'AllocationAttribute', additionalProperties: false, description: 'A holder of addresses of a block.' },
)

/** The spec of a block, in the names that Calico gives its fields on Kubernetes. */
const IPAMBlockSpec = Type.Object(
  {
    cidr: Type.String({ description: 'The range of the block.', examples: ['10.1.0.0/26'] }),
    affinity: Type.Optional(
      Type.Unsafe<string | null>({
        type: ['string', 'null'],
        description: 'The host that the block belongs to: `host:` and a node, or `virtual:` and a virtual host.',
      }),
    ),
    affinityClaimTime: Type.Optional(Type.String({ format: 'date-time', description: 'When the block was claimed.' })),
    allocations: Type.Array(Type.Unsafe<number | null>({ type: ['integer', 'null'], maximum: 4_096 }), {
      description: 'For each address the index of its holder in `attributes`; null: free.',
    }),
    unallocated: Type.Array(Type.Integer({ maximum: 4_096 }), {
      description: 'The free ordinals, in the order in which they are assigned.',
    }),
    attributes: Type.Array(AllocationAttribute, { description: 'The holders.' }),
    sequenceNumber: Type.Integer({ format: 'int64', description: 'Grows with each change of the block.' }),
    sequenceNumberForAllocation: Type.Optional(
      Type.Object(
        {},
        {
          additionalProperties: Type.Integer({ format: 'int64' }),
          description: 'By ordinal, the sequence number at which the address was assigned.',
        },
      ),
    ),
    deleted: Type.Boolean({ description: 'Always false.' }),
  },
  { $id: 'IPAMBlockSpec', additionalProperties: false, description: 'The addresses of a block, and who holds them.' },
)

const example: JsonObject = {
  kind: 'IPAMBlock',
  apiVersion: calicoGroup.apiVersion,
  metadata: { name: '10-1-0-0-30' },
  spec: {
    cidr: '10.1.0.0/30',
    affinity: 'host:node-1',
    affinityClaimTime: '2026-11-23T04:00:00Z',
    allocations: [0, null, null, null],
    unallocated: [1, 2, 3],
    attributes: [{ handle_id: 'vm-42', secondary: { node: 'node-1' } }],
    sequenceNumber: 1_795_406_400_123_457,
    sequenceNumberForAllocation: { '0': 1_795_406_400_123_456 },
    deleted: false,
  },
}

/**
 * IPAMBlock, as `/apis/projectcalico.org/v3/ipamblocks` serves it: a block with the name and the fields that Calico gives it on
 * Kubernetes.
 * @see docs/calico/formats.md section 2.2
 */
export const ipamblockKind: ReadOnlyKind<StoredObject> = {
  group: calicoGroup,
  kind: 'IPAMBlock',
  plural: 'ipamblocks',
  singular: 'ipamblock',
  shortNames: ['block', 'blocks'],
  description:
    'A block of addresses, and who holds them. Read-only; it changes when addresses are assigned and released.',
  example,
  specSchema: IPAMBlockSpec,
  statusSchema: undefined,
  columns: [
    textColumn('CIDR', 'spec.cidr', 'The range of the block.'),
    textColumn('Affinity', 'spec.affinity', 'The host that the block belongs to.'),
    derivedColumn('InUse', 'How many addresses are in use.', countInUse),
    derivedColumn('Free', 'How many addresses are free.', (object) =>
      String(lengthOf(objectIn(object, 'spec')['unallocated'])),
    ),
    textColumn('Claimed', 'spec.affinityClaimTime', 'When the block was claimed.', { isWide: true }),
  ],
  accessed: ({ object }, labelsOf) => [{ poolLabels: labelsOfBlock(objectIn(object, 'spec')['cidr'], labelsOf) }],
  isReadOnly: true,
  storage: {
    families: [showFamily(blocks, show)],
    annexing: undefined,
    lookup: (view, name) => {
      const cidr = parseDashedCidr(name)
      return cidr === undefined ? { kind: 'absent' } : showStored(view, blockKey(cidr), show)
    },
  },
  parse: parseShown,
  withDefaults: (spec) => spec,
}

function show(_key: string, block: Block): StoredObject {
  const name = dashedCidr(block.cidr)
  const stored = parseJson(blocks.encode(block))
  assert(stored.ok && isJsonObject(stored.value), 'a block is stored as an object')
  const { attributes } = stored.value
  const members = Object.entries(stored.value).map(
    ([field, value]) => [field === 'affinity_claim_time' ? 'affinityClaimTime' : field, value] as const,
  )
  const spec = jsonObject([...members, ['attributes', attributes ?? []]])
  return { name, object: { kind: 'IPAMBlock', apiVersion: calicoGroup.apiVersion, metadata: { name }, spec } }
}

/** Addresses that cool down are not in use. */
function countInUse(object: JsonObject): string {
  const { allocations, attributes } = objectIn(object, 'spec')
  const holders = isJsonArray(attributes) ? attributes : []
  const isHeld = (index: unknown): boolean => {
    const holder = typeof index === 'number' ? holders[index] : undefined
    return isJsonObject(holder) && holder['releasedAt'] === undefined
  }
  return String(isJsonArray(allocations) ? allocations.filter(isHeld).length : 0)
}

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0
}
