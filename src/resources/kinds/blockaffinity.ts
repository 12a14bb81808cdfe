import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import {
  affinities,
  type Affinity,
  affinityKey,
  type JsonObject,
  type Owner,
  parseAffinityKey,
  virtualAffinities,
} from '../../model/index.ts'
import { type Cidr, formatCidr, parseCidr } from '../../net/index.ts'
import type { Lookup, View, Decoded } from '../../plan/index.ts'
import { textColumn } from '../columns.ts'
import { apiVersion, type ReadOnlyKind, type StoredObject } from '../kind.ts'
import { textIn, objectIn } from '../object/index.ts'
import { showFamily, showStored } from '../storage.ts'

/** The claim of a node on a block. */
const BlockAffinitySpec = Type.Object(
  {
    state: Type.String({
      title: 'BlockAffinityState',
      enum: ['confirmed', 'pending', 'pendingDeletion'],
      description: 'How far the claim, or its release, has come.',
    }),
    node: Type.String({ description: 'Whose claim it is.', examples: ['node-1'] }),
    type: Type.String({
      title: 'BlockAffinityType',
      enum: ['host', 'virtual'],
      description: 'Of a node, or of a virtual owner, as load balancers are.',
    }),
    cidr: Type.String({ description: 'The block.', examples: ['10.1.0.0/26'] }),
    deleted: Type.Boolean({ description: 'Always false here.' }),
  },
  { $id: 'BlockAffinitySpec', additionalProperties: false, description: 'The claim of a node on a block.' },
)

/**
 * BlockAffinity, as `/apis/projectcalico.org/v3/blockaffinities` shows the claims on blocks, which lie in keys of their own: named as
 * Calico names them where it keeps them as objects.
 * @see docs/calico/formats.md sections 2.4 and 4.4
 */
export const blockaffinityKind: ReadOnlyKind<StoredObject> = {
  kind: 'BlockAffinity',
  plural: 'blockaffinities',
  singular: 'blockaffinity',
  shortNames: ['affinity', 'affinities'],
  description: 'The claim of a node on a block. Shown, and changed by assigning and releasing addresses only.',
  example: objectOf({ type: 'host', name: 'node-1' }, '10.1.0.0/26', 'confirmed', false),
  specSchema: BlockAffinitySpec,
  statusSchema: undefined,
  columns: [
    textColumn('Block', 'spec.cidr', 'The block.'),
    textColumn('Node', 'spec.node', 'Whose claim it is.'),
    textColumn('Type', 'spec.type', 'Whether a node, or a virtual owner.', { isWide: true }),
    textColumn('State', 'spec.state', 'How far the claim, or its release, has come.'),
  ],
  isReadOnly: true,
  storage: {
    families: [showFamily(affinities, show), showFamily(virtualAffinities, show)],
    annexing: undefined,
    lookup,
  },
  parse,
  withDefaults: (spec) => spec,
}

/** The object is as it is shown. */
function parse(object: JsonObject): Decoded<StoredObject> {
  return { ok: true, value: { name: textIn(objectIn(object, 'metadata'), 'name'), object } }
}

function show(key: string, { state, deleted }: Affinity): StoredObject {
  const claim = parseAffinityKey(key)
  assert(claim, 'a value was decoded under the key of a claim')
  const { owner } = claim
  const cidr = formatCidr(claim.cidr)
  return { name: nameOf(owner, cidr), object: objectOf(owner, cidr, state, deleted) }
}

function objectOf(owner: Owner, cidr: string, state: string, deleted: boolean): JsonObject {
  return {
    kind: 'BlockAffinity',
    apiVersion,
    metadata: { name: nameOf(owner, cidr) },
    spec: { state, node: owner.name, type: owner.type, cidr, deleted },
  }
}

function nameOf({ name }: Owner, cidr: string): string {
  return `${name}-${cidr.replace(/[.:/]/g, '-')}`
}

/** A name may be made of several owners and blocks, of which a host's claim comes first. */
function lookup(view: View, name: string): Lookup<StoredObject> {
  for (const type of ['host', 'virtual'] as const) {
    for (const { owner, cidr } of claimsCalled(name)) {
      const found = showStored(view, affinityKey({ type, name: owner }, cidr), show)
      if (found.kind !== 'absent') return found
    }
  }
  return { kind: 'absent' }
}

/** Every owner and block of which `name` can be made: the one ends, and the other begins, at one of the dashes. */
function claimsCalled(name: string): readonly { readonly owner: string; readonly cidr: Cidr }[] {
  return [...name.matchAll(/-/g)].flatMap(({ index }) => {
    const owner = name.slice(0, index)
    const cidr = parseDashed(name.slice(index + 1))
    return cidr !== undefined && nameOf({ type: 'host', name: owner }, formatCidr(cidr)) === name
      ? [{ owner, cidr }]
      : []
  })
}

/** The CIDR that was written with dashes for dots, colons and the slash. */
function parseDashed(text: string): Cidr | undefined {
  const [, address = '', length = ''] = /^(.*)-([0-9]+)$/.exec(text) ?? []
  return (
    parseCidr(`${address.replaceAll('-', '.')}/${length}`) ?? parseCidr(`${address.replaceAll('-', ':')}/${length}`)
  )
}
