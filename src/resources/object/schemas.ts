import { Type } from '@sinclair/typebox'
import { atomicObject, mapByKeys, setOfItems } from './list-type.ts'

/**
 * The schemas of what all kinds share. They decide which fields are known and which JSON type each has, and appear in the OpenAPI
 * documents. The rules on values are not in the schemas.
 */

/** A map of strings. */
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

/** The metadata of every object. */
export const ObjectMeta = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        description:
          'The name of the object, unique within its kind: at most 253 lower-case letters, digits, `-` and `.`. It cannot be changed.',
        examples: ['my.ippool-1'],
      }),
    ),
    generateName: Type.Optional(
      Type.String({ description: 'The prefix of a generated name, used if no name is given.' }),
    ),
    namespace: Type.Optional(Type.String({ description: 'Not used: these objects do not belong to a namespace.' })),
    selfLink: Type.Optional(Type.String({ description: 'Not used.' })),
    uid: Type.Optional(
      Type.String({
        description: 'Set by the server. If a change gives it, it must be the stored one.',
        examples: ['7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10'],
      }),
    ),
    resourceVersion: Type.Optional(
      Type.String({
        description:
          "The object's version: the etcd revision that wrote it. If a change gives it, it must be the stored one.",
        examples: ['1001'],
      }),
    ),
    generation: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Set by the server: grows with every change of the spec.' }),
    ),
    creationTimestamp: Type.Optional(
      Type.String({ format: 'date-time', description: 'Set by the server.', examples: ['2026-11-23T03:59:00Z'] }),
    ),
    deletionTimestamp: Type.Optional(
      Type.String({ format: 'date-time', description: 'Set by the server when the object is being deleted.' }),
    ),
    deletionGracePeriodSeconds: Type.Optional(
      Type.Integer({ format: 'int64', description: 'Set by the server when the object is being deleted.' }),
    ),
    labels: stringMap('Names and values that objects can be selected by, at most 1,000.', { team: 'network' }),
    annotations: stringMap('Names and values for any other purpose, at most 1,000, 256 KiB in total.', {
      'example.org/ticket': '4711',
    }),
    ownerReferences: Type.Optional(
      Type.Array(OwnerReference, { ...mapByKeys('uid'), description: 'Stored, without effect.' }),
    ),
    finalizers: Type.Optional(
      Type.Array(Type.String(), {
        ...setOfItems,
        description: 'A deleted object stays until all of its finalizers are removed.',
      }),
    ),
    managedFields: Type.Optional(
      Type.Array(Type.Object({}, { additionalProperties: true }), {
        description: 'Set by the server: the managers of the fields, for server-side apply.',
      }),
    ),
  },
  {
    $id: 'ObjectMeta',
    additionalProperties: false,
    description: 'The metadata of an object.',
  },
)
