import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { TSchema } from '@sinclair/typebox'
import type { FastifyContextConfig } from 'fastify'
import { answerOnly, type Plan, type Revision, type View } from '../datastore/index.ts'
import type { JsonObject, Now, Result } from '../model/index.ts'
import {
  type Changed,
  type Context,
  type Deleted,
  planCreate,
  planDelete,
  planJsonPatch,
  planMergePatch,
  planRead,
  planReplace,
  type Preconditions,
  present,
  readDeleteOptions,
  readMatching,
  type ResourceKind,
  type ServedKind,
  type StoredObject,
} from '../resources/index.ts'
import { objectTypes, patchTypes } from './content.ts'
import { granted, RefusalError, refuseFields } from './errors.ts'
import type { Store } from './ipam-operation.ts'
import type { CarryOutStep, TakeDown } from './node-removal.ts'
import { goneStatus, refusalAbout, sendObject, unfinished } from './resource-answers.ts'
import { listObjects, requireReached } from './resource-list.ts'
import { answer, problems } from './schemas/answers.ts'
import { ref } from './schemas/ref.ts'
import { JsonPatch, kindSchemas, MergePatch, resourceSchemas } from './schemas/resource.ts'
import { DeleteQuery, ListQuery, NamePath, ReadQuery, WriteQuery } from './schemas/resource-queries.ts'
import { Status } from './schemas/status.ts'

/** What the resource routes take from outside. */
export interface ResourceOptions {
  readonly store: Pick<Store, 'submit' | 'page'>
  /** Every kind that is served. */
  readonly kinds: readonly ServedKind<StoredObject>[]
  readonly now: () => Now
  /** A new UUID, for an object that is created. */
  readonly newUid: () => string
  readonly deadlineMs: number
  /** What has to go before an object is deleted, by the plural of its kind. */
  readonly takeDowns: Readonly<Partial<Record<string, TakeDown>>>
}

/**
 * The routes of every kind, after the conventions of Kubernetes: list, read, create, replace, patch and delete. To be registered
 * below `/apis/projectcalico.org/v3`.
 * @see kubectl.md
 */
export const resourceRoutes: FastifyPluginCallbackTypebox<ResourceOptions> = (app, options, done) => {
  for (const schema of resourceSchemas(options.kinds)) app.addSchema(schema)
  for (const kind of options.kinds) void app.register(kindRoutes, { ...options, kind, prefix: `/${kind.plural}` })
  done()
}

type KindOptions = ResourceOptions & { readonly kind: ServedKind<StoredObject> }

const kindRoutes: FastifyPluginCallbackTypebox<KindOptions> = (app, { kind, ...options }, done) => {
  const schemas = kindSchemas(kind)
  const tags = ['resources']
  const written = (description: string) => answer(description, schemas.object, schemas.example)
  const changeProblems = problems(
    'Conflict',
    'Invalid',
    'RequestEntityTooLarge',
    'UnsupportedMediaType',
    'Timeout',
    'NotFound',
  )

  app.get(
    '',
    {
      schema: {
        operationId: `list${kind.kind}s`,
        tags,
        summary: `List ${kind.plural}`,
        description:
          'Objects in the order of their keys in etcd, all as of one revision: `metadata.resourceVersion` of the list.',
        querystring: ListQuery,
        response: { 200: answer('The objects.', schemas.list), ...problems('Expired', 'Timeout') },
      },
    },
    async ({ query }, reply) => {
      if (query.watch === 'true' || query.watch === '1') {
        throw refuseFields('BadRequest', [
          { field: 'watch', reason: 'FieldValueForbidden', message: 'watching is not served; list again instead' },
        ])
      }
      const { object, warnings } = await listObjects(options.store, kind, query)
      return sendObject(reply, object, warnings)
    },
  )

  app.get(
    '/:name',
    {
      schema: {
        operationId: `read${kind.kind}`,
        tags,
        summary: `Read one of the ${kind.plural}`,
        description: 'The object as it is stored, defaults included.',
        params: NamePath,
        querystring: ReadQuery,
        response: { 200: written('The object.'), ...problems('NotFound', 'Timeout') },
      },
    },
    async ({ params: { name }, query }, reply) => {
      const { value, revision } = await carryOut(name, (view) => planRead(view, kind, name))
      requireReached(revision, query.resourceVersion)
      return sendObject(reply, present(kind, value.value, value.revision))
    },
  )

  if (kind.isReadOnly) {
    done()
    return
  }

  app.post(
    '',
    {
      config: documentBody(ref(schemas.object)),
      schema: {
        operationId: `create${kind.kind}`,
        tags,
        summary: `Create one of the ${kind.plural}`,
        description: 'Everything that is wrong with the object is told at once, one cause for each field.',
        consumes: [...objectTypes],
        querystring: WriteQuery,
        response: {
          201: written('The object as it is stored, defaults included.'),
          ...problems('AlreadyExists', 'Invalid', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async ({ body, query }, reply) => {
      const changed = await change(nameIn(body), query, (view, context) => planCreate(view, kind, body, context))
      return sendObject(reply.code(201), changed.object, changed.warnings)
    },
  )

  app.put(
    '/:name',
    {
      config: documentBody(ref(schemas.object)),
      schema: {
        operationId: `replace${kind.kind}`,
        tags,
        summary: `Replace one of the ${kind.plural}`,
        description:
          'With `metadata.resourceVersion`, only the version that it names is replaced. What the server decides on stays as it is, the status included.',
        consumes: [...objectTypes],
        params: NamePath,
        querystring: WriteQuery,
        response: { 200: written('The object as it is stored.'), ...changeProblems },
      },
    },
    async ({ params: { name }, body, query }, reply) => {
      const changed = await change(name, query, (view, context) => planReplace(view, kind, name, body, context))
      return sendObject(reply, changed.object, changed.warnings)
    },
  )

  app.patch(
    '/:name',
    {
      config: documentBody({
        content: { [patchTypes[0]]: { schema: ref(MergePatch) }, [patchTypes[1]]: { schema: ref(JsonPatch) } },
      }),
      schema: {
        operationId: `patch${kind.kind}`,
        tags,
        summary: `Change some fields of one of the ${kind.plural}`,
        description: 'A JSON merge patch or a JSON patch, by the media type of the body.',
        params: NamePath,
        querystring: WriteQuery,
        response: { 200: written('The object as it is stored.'), ...changeProblems },
      },
    },
    async ({ params: { name }, body, query, headers }, reply) => {
      const plan = planOfPatch(headers['content-type'])
      const changed = await change(name, query, (view, context) => plan(view, kind, name, body, context))
      return sendObject(reply, changed.object, changed.warnings)
    },
  )

  app.delete(
    '/:name',
    {
      schema: {
        operationId: `delete${kind.kind}`,
        tags,
        summary: `Delete one of the ${kind.plural}`,
        description:
          'The answer is a `Status` when the object is gone, and the object, with a `deletionTimestamp`, when something holds it back: an IP pool stays visible, and gives nothing more, until its last address is released. A body of kind `DeleteOptions` may name `preconditions` (`uid`, `resourceVersion`) and `dryRun`.',
        params: NamePath,
        querystring: DeleteQuery,
        response: {
          200: {
            description: 'The object is gone, or is going.',
            content: {
              'application/json': {
                schema: { anyOf: [ref(Status), ref(schemas.object)] },
                example: goneStatus(kind, schemas.stored),
              },
            },
          },
          ...problems('NotFound', 'Conflict', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async ({ params: { name }, body, query }, reply) => {
      const { preconditions, isDryRun } = granted(readDeleteOptions(body))
      const dryRun = isDryRun || query.dryRun === 'All'
      const { value, revision } = await remove(kind, name, preconditions, dryRun)
      if (value.isGone || value.isPartial) return sendObject(reply, goneStatus(kind, value.value))
      return sendObject(reply, present(kind, value.value, value.isWritten && !dryRun ? revision : value.revisionBefore))
    },
  )

  /** Carries out one operation on the object called `name`, or throws its refusal. The clock is read once, when it begins. */
  async function carryOut<Answer>(
    name: string | undefined,
    plan: (view: View, context: Context) => Plan<Result<Answer>>,
    {
      dryRun = false,
      fieldValidation = 'Warn',
    }: { dryRun?: boolean; fieldValidation?: Context['fieldValidation'] } = {},
  ): Promise<{ readonly value: Answer; readonly revision: Revision }> {
    const context = { now: options.now(), uid: options.newUid(), fieldValidation }
    const { deadlineMs } = options
    const { answer, revision } = await options.store.submit((view) => plan(view, context), { deadlineMs, dryRun })
    if (answer.ok) return { value: answer.value, revision }
    throw refusalAbout(answer.refusal, kind, name)
  }

  /**
   * Deletes an object with what goes with it, in as many steps as it takes; the object goes with the last one, so that a deletion which
   * does not come to its end can be begun again. A dry run tells what the first step would come to.
   */
  async function remove(
    kind: ResourceKind<StoredObject>,
    name: string,
    preconditions: Preconditions,
    dryRun: boolean,
  ): Promise<{ readonly value: Deleted<StoredObject>; readonly revision: Revision }> {
    const takeDown = dryRun ? undefined : options.takeDowns[kind.plural]
    let steps = 0
    const carryOutStep: CarryOutStep = async (plan) => {
      const { value } = await carryOut(name, (view, context) => {
        const found = readMatching(view, kind, name, preconditions)
        return found.ok ? plan(view, context) : answerOnly(found)
      })
      steps++
      return value
    }
    try {
      await takeDown?.(name, carryOutStep)
      for (; ; steps++) {
        const done = await carryOut(name, (view, context) => planDelete(view, kind, name, preconditions, context), {
          dryRun,
        })
        if (dryRun || !done.value.isPartial) return done
      }
    } catch (fault) {
      throw steps === 0 ? fault : unfinished(fault, kind, name)
    }
  }

  /** Carries out a create or change, and gives the object to answer. One that is not written keeps its resourceVersion. */
  async function change(
    name: string | undefined,
    query: { readonly dryRun?: 'All'; readonly fieldValidation?: Context['fieldValidation'] },
    plan: (view: View, context: Context) => Plan<Result<Changed<StoredObject>>>,
  ): Promise<{ readonly object: JsonObject; readonly warnings: readonly string[] }> {
    const dryRun = query.dryRun === 'All'
    const { value: changed, revision } = await carryOut(name, plan, { ...query, dryRun })
    const { value, isWritten, revisionBefore, warnings } = changed
    return { object: present(kind, value, isWritten && !dryRun ? revision : revisionBefore), warnings }
  }

  done()
}

/**
 * Puts the schema of a body into the OpenAPI document only. The body itself is judged by the plan, field by field: what a schema
 * calls wrong may be an unknown field that is to be dropped with a warning, and what is wrong is to be told all at once.
 */
function documentBody(
  body: TSchema | { readonly content: Readonly<Record<string, { readonly schema: TSchema }>> },
): FastifyContextConfig {
  return { swaggerTransform: ({ schema, url }) => ({ schema: { ...schema, body }, url }) }
}

function planOfPatch(mediaType: string | undefined): typeof planMergePatch {
  const type = mediaType?.replace(/;.*$/s, '').trim().toLowerCase()
  if (type === 'application/merge-patch+json') return planMergePatch
  if (type === 'application/json-patch+json') return planJsonPatch
  const message = `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`
  throw new RefusalError({ reason: 'UnsupportedMediaType', message, causes: [] })
}

/** The name that a new object asks for, for messages about it. */
function nameIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('metadata' in body)) return undefined
  const { metadata } = body
  if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return undefined
  return typeof metadata.name === 'string' ? metadata.name : undefined
}
