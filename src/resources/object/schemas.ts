import { Type } from '@sinclair/typebox'
import { atomicObject, mapByKeys, setOfItems } from './list-type.ts'

/**
 * The schemas of the parts that all kinds share. They say what the OpenAPI document says, which fields are known, and of which JSON
 * type each is; what values are right is for the kinds' own rules.
 */

/** Strings by name. */
function stringMap(description: string, example: Readonly<Record<string, string>>) {
  return Type.Optional(Type.Record(Type.String(), Type.String(), { description, examples: [example] }))
}

/** An object that this one depends on. */
const OwnerReference = Type.Object(
  {
    apiVersion: Type.String(),
    kind: Type.String(),
    name: Type.String(),
    uid: Type.String(),
    controller: Type.Optional(Type.Boolean()),
    blockOwnerDeletion: Type.Optional(Type.Boolean()),
  },
  {
    title: 'OwnerReference',
    additionalProperties: false,
    ...atomicObject,
    description: 'An object that this one depends on.',
  },
)

/** What every object carries. */
export const ObjectMeta = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        description:
          'The name of the object, unique within its kind: lower-case letters, digits, `-` and `.`, at most 253. It cannot be changed.',
        examples: ['my.ippool-1'],
      }),
    ),
    generateName: Type.Optional(
      Type.String({ description: 'When no name is given: what a made-up name begins with.' }),
    ),
    namespace: Type.Optional(Type.String({ description: 'Not used: these objects belong to no namespace.' })),
    selfLink: Type.Optional(Type.String({ description: 'Not used.' })),
    uid: Type.Optional(
      Type.String({
        description: 'Made by the server. In a change it must be the stored one, if it is given.',
        examples: ['7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10'],
      }),
    ),
    resourceVersion: Type.Optional(
      Type.String({
        description:
          "The object's version: the etcd revision that wrote it. In a change it must be the stored one, if it is given.",
        examples: ['1001'],
      }),
    ),
    generation: Type.Optional(Type.Integer({ format: 'int64', description: 'Not used.' })),
    creationTimestamp: Type.Optional(
      Type.String({ format: 'date-time', description: 'Set by the server.', examples: ['2026-11-23T03:59:00Z'] }),
    ),
    deletionTimestamp: Type.Optional(
      Type.String({ format: 'date-time', description: 'Set by the server when the object is being deleted.' }),
    ),
    deletionGracePeriodSeconds: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Set by the server when the object is being deleted.' }),
    ),
    labels: stringMap('Names and values to select objects by.', { team: 'network' }),
    annotations: stringMap('Names and values for whatever else; 256 KiB together.', { 'example.org/ticket': '4711' }),
    ownerReferences: Type.Optional(
      Type.Array(OwnerReference, { ...mapByKeys('uid'), description: 'Kept; without effect here.' }),
    ),
    finalizers: Type.Optional(
      Type.Array(Type.String(), {
        ...setOfItems,
        description: 'Who has yet to agree before a deleted object vanishes.',
      }),
    ),
    managedFields: Type.Optional(
      Type.Array(Type.Object({}, { additionalProperties: true }), { description: 'Not used.' }),
    ),
  },
  {
    $id: 'ObjectMeta',
    additionalProperties: false,
    description: 'What every object carries besides its specification.',
  },
)
