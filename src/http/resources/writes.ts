import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { TSchema } from '@sinclair/typebox'
import type { FastifyContextConfig } from 'fastify'
import type { JsonObject } from '../../model/index.ts'
import { answerOnly, success } from '../../plan/index.ts'
import {
  type ApplyOptions,
  finalizersOf,
  isBeingDeleted,
  objectIn,
  planApply,
  planCreate,
  planJsonPatch,
  planMergePatch,
  planReplace,
  readDeleteOptions,
  readMatching,
  type ResourceKind,
  type StoredObject,
} from '../../resources/index.ts'
import {
  answer,
  problems,
  ref,
  JsonPatch,
  kindSchemas,
  MergePatch,
  pluralOf,
  DeleteCollectionQuery,
  DeleteQuery,
  isTrue,
  NamePath,
  PatchQuery,
  WriteQuery,
} from '../schemas/index.ts'
import { mediaTypeOf, objectTypes, patchTypes, granted, RefusalError, refusal } from '../wire/index.ts'
import { goneStatus, sendJson, sendList, sendObject } from './answers.ts'
import { listObjects } from './list.ts'
import { type ChangePlan, changeRequest } from './operations.ts'
import type { KindOptions } from './reads.ts'

/** The routes of one kind whose objects can be changed. */
export type WritableKindOptions = KindOptions & { readonly kind: ResourceKind<StoredObject> }

/** The routes that change objects of a kind: create, replace, patch and delete, and the changes of their status alone. */
export const resourceWrites: FastifyPluginCallbackTypebox<WritableKindOptions> = (app, options, done) => {
  const { kind, operations } = options
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
    async (request, reply) => {
      const { body, query } = request
      const changed = await operations.change(nameIn(body), changeRequest(request, query), (view, context) =>
        planCreate(view, kind, body, context),
      )
      return sendObject(reply.code(201), changed.object, changed.warnings)
    },
  )

  const status = { path: '/:name/status', subresource: 'status', suffix: 'Status', what: 'the status of one' } as const
  const parts = [
    { path: '/:name', subresource: '', suffix: '', what: 'one' } as const,
    ...(kind.statusSchema === undefined ? [] : [status]),
  ]
  for (const { path, subresource, suffix, what } of parts) {
    app.put(
      path,
      {
        config: documentBody(ref(schemas.object)),
        schema: {
          operationId: `replace${kind.kind}${suffix}`,
          tags,
          summary: `Replace ${what} of the ${kind.plural}`,
          description:
            subresource === ''
              ? 'With `metadata.resourceVersion`, only the version that it names is replaced. What the server decides on stays as it is, the status included.'
              : 'With `metadata.resourceVersion`, only that of the version that it names is replaced. Nothing but the status is.',
          consumes: [...objectTypes],
          params: NamePath,
          querystring: WriteQuery,
          response: { 200: written('The object as it is stored.'), ...changeProblems },
        },
      },
      async (request, reply) => {
        const { params, body, query } = request
        const changed = await operations.change(
          params.name,
          changeRequest(request, query, subresource),
          (view, context) => planReplace(view, kind, params.name, body, context),
        )
        if (query.dryRun === undefined) await letGo(params.name, changed.object)
        return sendObject(reply, changed.object, changed.warnings)
      },
    )

    app.patch(
      path,
      {
        config: documentBody({
          content: { [patchTypes[0]]: { schema: ref(MergePatch) }, [patchTypes[1]]: { schema: ref(JsonPatch) } },
        }),
        schema: {
          operationId: `patch${kind.kind}${suffix}`,
          tags,
          summary: `Change some fields of ${what} of the ${kind.plural}`,
          description:
            'A JSON merge patch or a JSON patch, by the media type of the body; or, as `application/apply-patch+yaml`, the fields that `fieldManager` wants to manage (server-side apply), which creates an object that is missing.',
          params: NamePath,
          querystring: PatchQuery,
          response: {
            200: written('The object as it is stored.'),
            201: written('The object that was missing, as it is stored.'),
            ...changeProblems,
          },
        },
      },
      async (request, reply) => {
        const { params, body, query, headers } = request
        const isApply = mediaTypeOf(headers['content-type']) === patchTypes[2]
        const asked = changeRequest(request, query, subresource)
        // Who applies a configuration has to say who he is.
        const change = isApply ? { ...asked, manager: query.fieldManager ?? '' } : asked
        const plan = planOfPatch(kind, params.name, body, headers['content-type'], { isForced: isTrue(query.force) })
        if (!isApply && query.force !== undefined) throw refuseForce()
        const changed = await operations.change(params.name, change, plan)
        if (query.dryRun === undefined) await letGo(params.name, changed.object)
        return sendObject(reply.code(changed.isNew ? 201 : 200), changed.object, changed.warnings)
      },
    )
  }

  app.delete(
    '/:name',
    {
      schema: {
        operationId: `delete${kind.kind}`,
        tags,
        summary: `Delete one of the ${kind.plural}`,
        description:
          'The answer is a `Status` when the object is gone, and the object, with a `deletionTimestamp`, when something holds it back: an IP pool stays visible, and gives nothing more, until its last address is released; an object with finalizers stays until the last of them is taken off it. A body of kind `DeleteOptions` may name `preconditions` (`uid`, `resourceVersion`) and `dryRun`.',
        params: NamePath,
        querystring: DeleteQuery,
        response: {
          200: {
            description: 'The object is gone, or is going.',
            content: {
              'application/json': { schema: schemas.deletion, example: goneStatus(kind, schemas.stored) },
            },
          },
          ...problems('NotFound', 'Conflict', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async ({ params: { name }, body, query }, reply) => {
      const { preconditions, isDryRun } = granted(readDeleteOptions(body))
      const dryRun = isDryRun || query.dryRun === 'All'
      const { deleted, object } = await operations.remove(kind, name, preconditions, dryRun)
      return deleted.isGone ? sendJson(reply, goneStatus(kind, deleted.value)) : sendObject(reply, object)
    },
  )

  app.delete(
    '',
    {
      schema: {
        operationId: `delete${pluralOf(kind)}`,
        tags,
        summary: `Delete all ${kind.plural}, or those selected`,
        description:
          'One after the other, each as by itself; the answer lists them as they were, or are while something holds them back. A refusal ends it, and what was deleted before stays deleted: repeat the call.',
        querystring: DeleteCollectionQuery,
        response: {
          200: answer('What was deleted.', schemas.list),
          ...problems('Conflict', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async ({ body, query }, reply) => {
      const { isDryRun } = granted(readDeleteOptions(body))
      const { dryRun: asked, labelSelector, fieldSelector } = query
      const list = await listObjects(options.store, kind, {
        ...(labelSelector !== undefined && { labelSelector }),
        ...(fieldSelector !== undefined && { fieldSelector }),
      })
      const items = []
      for (const { name, uid } of list.items.map(identityOf)) {
        const object = await removeIfThere(name, uid, isDryRun || asked === 'All')
        if (object !== undefined) items.push(object)
      }
      return sendList(reply, { ...list.object, items })
    },
  )

  /** Carries on the deletion of an object that a change has taken the last finalizer off, where the change could not. */
  async function letGo(name: string, object: JsonObject): Promise<void> {
    const metadata = objectIn(object, 'metadata')
    const { uid } = metadata
    if (!kind.isDeletedInSteps || !isBeingDeleted(metadata) || finalizersOf(metadata).length > 0) return
    if (typeof uid === 'string') await removeIfThere(name, uid, false)
  }

  /** Deletes the very object with this UID, as far as it can be; undefined when it is gone by now, whoever deleted it. */
  async function removeIfThere(name: string, uid: string, dryRun: boolean): Promise<JsonObject | undefined> {
    try {
      const { object } = await operations.remove(kind, name, { uid }, dryRun)
      return object
    } catch (fault) {
      if (!(fault instanceof RefusalError)) throw fault
      const { value: isThere } = await operations.carryOut(name, (view) =>
        answerOnly(success(readMatching(view, kind, name, { uid }).ok)),
      )
      if (isThere) throw fault
      return undefined
    }
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

function planOfPatch(
  kind: ResourceKind<StoredObject>,
  name: string,
  body: unknown,
  mediaType: string | undefined,
  options: ApplyOptions,
): ChangePlan {
  switch (mediaTypeOf(mediaType)) {
    case patchTypes[0]:
      return (view, context) => planMergePatch(view, kind, name, body, context)
    case patchTypes[1]:
      return (view, context) => planJsonPatch(view, kind, name, body, context)
    case patchTypes[2]:
      return (view, context) => planApply(view, kind, name, body, options, context)
    default: {
      const message = `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`
      throw refusal('UnsupportedMediaType', message)
    }
  }
}

function refuseForce(): RefusalError {
  const message = 'Forbidden: may not be specified for non-apply patch'
  const causes = [{ field: 'force', reason: 'FieldValueForbidden', message }] as const
  return new RefusalError({
    reason: 'Invalid',
    message: `PatchOptions.meta.k8s.io "" is invalid: force: ${message}`,
    causes,
  })
}

/** The name that a new object asks for, for messages about it. */
function nameIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('metadata' in body)) return undefined
  const { metadata } = body
  if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return undefined
  return typeof metadata.name === 'string' ? metadata.name : undefined
}

function identityOf(object: JsonObject): { readonly name: string; readonly uid: string } {
  const { name, uid } = objectIn(object, 'metadata')
  return { name: typeof name === 'string' ? name : '', uid: typeof uid === 'string' ? uid : '' }
}
