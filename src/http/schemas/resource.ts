import type { TSchema } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { stringifyJson } from '../../model/index.ts'
import { ObjectMeta, objectIn, showObject, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { closed, oneOf, ref } from './fields.ts'
import { Status } from './status.ts'

/** The metadata of a list. */
const ListMeta = Type.Object(
  {
    resourceVersion: Type.String({ description: 'The revision that the list shows.', examples: ['1018'] }),
    continue: Type.Optional(
      Type.String({ description: 'Send it as `continue` to get the next page; absent on the last page.' }),
    ),
    remainingItemCount: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Number of objects that follow; absent with a selector.' }),
    ),
  },
  { ...closed, $id: 'ListMeta', description: 'The metadata of a list.' },
)

/** An RFC 7396 merge patch. */
export const MergePatch = Type.Object(
  {},
  {
    additionalProperties: true,
    $id: 'MergePatch',
    description:
      'The fields to change, with their new values; null removes a field. Objects are merged, lists are replaced (RFC 7396).',
    examples: [{ spec: { disabled: true } }],
  },
)

/** An RFC 6902 patch. */
export const JsonPatch = Type.Array(
  Type.Object(
    {
      op: oneOf(['add', 'remove', 'replace', 'move', 'copy', 'test'], { title: 'JsonPatchOp' }),
      path: Type.String({ description: 'A JSON pointer.' }),
      from: Type.Optional(Type.String({ description: 'A JSON pointer; for move and copy.' })),
      value: Type.Optional(Type.Unknown({ description: 'A value; for add, replace and test.' })),
    },
    { ...closed, title: 'JsonPatchOperation' },
  ),
  {
    $id: 'JsonPatch',
    description: 'Operations that are applied in order, all or none (RFC 6902).',
    examples: [
      [
        { op: 'test', path: '/spec/disabled', value: true },
        { op: 'remove', path: '/spec/disabled' },
      ],
    ],
  },
)

/** The schemas and examples of one kind. */
export interface KindSchemas<Value> {
  readonly object: TSchema
  readonly list: TSchema
  /** Response of a delete: a Status if the object is deleted, the object if it is being deleted. */
  readonly deletion: TSchema
  /** The kind's example as it is stored. */
  readonly stored: Value
  /** The kind's example as clients get it. */
  readonly example: unknown
}

/** Makes the schemas of `kind`, named after it. */
export function kindSchemas<Value extends StoredObject>(kind: ServedKind<Value>): KindSchemas<Value> {
  const { apiVersion } = kind.group
  const stored = storedExample(kind)
  const example: unknown = JSON.parse(stringifyJson(showObject(kind, stored, 1001n)))
  const object = Type.Object(
    {
      kind: Type.Optional(Type.String({ enum: [kind.kind], description: 'Always present in responses.' })),
      apiVersion: Type.Optional(Type.String({ enum: [apiVersion], description: 'Always present in responses.' })),
      metadata: ref(ObjectMeta),
      spec: ref(kind.specSchema),
      ...(kind.statusSchema && { status: Type.Optional(ref(kind.statusSchema)) }),
    },
    { ...closed, $id: kind.kind, description: kind.description, examples: [kind.example] },
  )
  const list = Type.Object(
    {
      kind: Type.String({ enum: [`${kind.kind}List`] }),
      apiVersion: Type.String({ enum: [apiVersion] }),
      metadata: ref(ListMeta),
      items: Type.Array(ref(object), { description: 'The objects, in the order of their names.' }),
    },
    {
      ...closed,
      $id: `${kind.kind}List`,
      description: `A list of objects of kind ${kind.kind}.`,
      examples: [{ kind: `${kind.kind}List`, apiVersion, metadata: { resourceVersion: '1018' }, items: [example] }],
    },
  )
  const deletion = Type.Unsafe<unknown>({
    title: `${kind.kind}Deletion`,
    anyOf: [ref(Status), ref(object)],
  })
  return { object, list, deletion, stored, example }
}

/** Returns the plural of the kind's name with its capital letters: IPPools, BlockAffinities. */
export function pluralOf({ kind, plural }: ServedKind<StoredObject>): string {
  let shared = 0
  while (shared < kind.length && kind[shared]?.toLowerCase() === plural[shared]) shared += 1
  return kind.slice(0, shared) + plural.slice(shared)
}

/** Returns all schemas that the resource routes refer to by `$id`. */
export function resourceSchemas(kinds: readonly ServedKind<StoredObject>[]): readonly TSchema[] {
  const own = kinds.flatMap((kind) => [
    kind.specSchema,
    ...(kind.statusSchema ? [kind.statusSchema] : []),
    kindSchemas(kind).object,
    kindSchemas(kind).list,
  ])
  return [ObjectMeta, ListMeta, MergePatch, JsonPatch, ...own]
}

function storedExample<Value extends StoredObject>(kind: ServedKind<Value>): Value {
  const metadata = {
    ...objectIn(kind.example, 'metadata'),
    uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10',
    creationTimestamp: '2026-11-23T03:59:00Z',
  }
  const parsed = kind.parse({ ...kind.example, metadata, spec: kind.withDefaults(objectIn(kind.example, 'spec')) })
  if (!parsed.ok) throw new Error(`the example of ${kind.kind} cannot be stored: ${parsed.problem}`)
  return parsed.value
}
