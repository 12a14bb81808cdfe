import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import {
  affinities,
  type Affinity,
  affinityKey,
  type JsonObject,
  type AffinityHost,
  parseAffinityKey,
  virtualAffinities,
} from '../../model/index.ts'
import { type Cidr, formatCidr, mustParseCidr } from '../../net/index.ts'
import type { Lookup, View } from '../../plan/index.ts'
import { textColumn } from '../columns.ts'
import { calicoGroup, type ReadOnlyKind, type StoredObject } from '../kind.ts'
import { objectIn } from '../object/index.ts'
import { parseShown, showFamily, showStored } from '../storage.ts'
import { dashedCidr, labelsOfBlock, parseDashedCidr } from './cidr-names.ts'

/** The spec of a block affinity. */
const BlockAffinitySpec = Type.Object(
  {
    state: Type.String({
      title: 'BlockAffinityState',
      enum: ['confirmed', 'pending', 'pendingDeletion'],
      description:
        'The state of the affinity: `pending` while the block is being claimed, `pendingDeletion` while it is being released.',
    }),
    node: Type.String({ description: 'The node, or the virtual host.', examples: ['node-1'] }),
    type: Type.String({
      title: 'BlockAffinityType',
      enum: ['host', 'virtual'],
      description: '`host`: the block belongs to a node; `virtual`: to a virtual host, such as a load balancer.',
    }),
    cidr: Type.String({ description: 'The block.', examples: ['10.1.0.0/26'] }),
    deleted: Type.Boolean({ description: 'Always false.' }),
  },
  { $id: 'BlockAffinitySpec', additionalProperties: false, description: 'The block, and the node that it belongs to.' },
)

/**
 * BlockAffinity, as `/apis/projectcalico.org/v3/blockaffinities` serves it. On etcd, Calico stores affinities not as objects but as keys
 * of their own. The objects shown here have the names that Calico gives them on Kubernetes.
 * @see docs/calico/formats.md sections 2.4 and 4.4
 */
export const blockaffinityKind: ReadOnlyKind<StoredObject> = {
  group: calicoGroup,
  kind: 'BlockAffinity',
  plural: 'blockaffinities',
  singular: 'blockaffinity',
  shortNames: ['affinity', 'affinities'],
  description:
    'A block affinity: the node that a block belongs to. Read-only; it changes when addresses are assigned and released.',
  example: objectOf({ type: 'host', name: 'node-1' }, mustParseCidr('10.1.0.0/26'), 'confirmed', false),
  specSchema: BlockAffinitySpec,
  statusSchema: undefined,
  columns: [
    textColumn('Block', 'spec.cidr', 'The block.'),
    textColumn('Node', 'spec.node', 'The node that the block belongs to.'),
    textColumn('Type', 'spec.type', '`host` or `virtual`.', { isWide: true }),
    textColumn(
      'State',
      'spec.state',
      'The state of the affinity: `pending` while the block is being claimed, `pendingDeletion` while it is being released.',
    ),
  ],
  accessed: ({ object }, labelsOf) => [{ poolLabels: labelsOfBlock(objectIn(object, 'spec')['cidr'], labelsOf) }],
  isReadOnly: true,
  storage: {
    families: [showFamily(affinities, show), showFamily(virtualAffinities, show)],
    annexing: undefined,
    lookup,
  },
  parse: parseShown,
  withDefaults: (spec) => spec,
}

function show(key: string, { state, deleted }: Affinity): StoredObject {
  const affinity = parseAffinityKey(key)
  assert(affinity, 'only values under keys of affinities are decoded')
  const { host, cidr } = affinity
  return { name: nameOf(host, cidr), object: objectOf(host, cidr, state, deleted) }
}

function objectOf(host: AffinityHost, cidr: Cidr, state: string, deleted: boolean): JsonObject {
  return {
    kind: 'BlockAffinity',
    apiVersion: calicoGroup.apiVersion,
    metadata: { name: nameOf(host, cidr) },
    spec: { state, node: host.name, type: host.type, cidr: formatCidr(cidr), deleted },
  }
}

function nameOf({ name }: AffinityHost, cidr: Cidr): string {
  return `${name}-${dashedCidr(cidr)}`
}

/** Several pairs of a host and a block can have the same name. A node's affinity comes first. */
function lookup(view: View, name: string): Lookup<StoredObject> {
  for (const type of ['host', 'virtual'] as const) {
    for (const { owner, cidr } of affinitiesCalled(name)) {
      const found = showStored(view, affinityKey({ type, name: owner }, cidr), show)
      if (found.kind !== 'absent') return found
    }
  }
  return { kind: 'absent' }
}

/** All pairs of a host and a block that have this name: one of its dashes separates them. */
function affinitiesCalled(name: string): readonly { readonly owner: string; readonly cidr: Cidr }[] {
  return [...name.matchAll(/-/g)].flatMap(({ index }) => {
    const owner = name.slice(0, index)
    const cidr = parseDashedCidr(name.slice(index + 1))
    return cidr === undefined ? [] : [{ owner, cidr }]
  })
}
