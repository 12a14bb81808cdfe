import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { TSchema } from '@sinclair/typebox'
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify'
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
  type WriteContext,
} from '../../resources/index.ts'
import {
  answer,
  located,
  problems,
  ref,
  JsonPatch,
  kindSchemas,
  MergePatch,
  pluralOf,
  DeleteCollectionQuery,
  DeleteQuery,
  isTrue,
  namePath,
  PatchQuery,
  WriteQuery,
} from '../schemas/index.ts'
import {
  mediaTypeOf,
  noteChange,
  objectTypes,
  patchTypes,
  requireGranted,
  RefusalError,
  refusal,
} from '../wire/index.ts'
import { sendJson, sendList, sendObject, statusOfDeleted, unmetConditions } from './answers.ts'
import { listObjects } from './list.ts'
import { ObjectAccess } from './object-access.ts'
import { type ChangePlan, changeRequest, type RemovalOptions } from './operations.ts'
import type { KindOptions } from './reads.ts'

/** Dependencies of the routes of a writable kind. */
export type WritableKindOptions = KindOptions & { readonly kind: ResourceKind<StoredObject> }

/** The routes that change objects of a kind: create, replace, patch and delete; replace and patch of the status too. */
export const resourceWrites: FastifyPluginCallbackTypebox<WritableKindOptions> = (app, options, done) => {
  const { kind, operations, store } = options
  const accessOf = ({ rights }: FastifyRequest) => new ObjectAccess(kind, rights, store)
  const schemas = kindSchemas(kind)
  const tags = ['resources']
  const nameInPath = namePath(schemas.stored.name)
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
      config: { access: { verb: 'create', resource: kind.plural }, ...configOfBody(ref(schemas.object)) },
      schema: {
        operationId: `create${kind.kind}`,
        tags,
        summary: `Create one of the ${kind.plural}`,
        description: 'Reports everything that is wrong with the object at once, with one cause for each field.',
        consumes: [...objectTypes],
        querystring: WriteQuery,
        response: {
          201: located(written('The object as it is stored, with defaults.')),
          ...problems('AlreadyExists', 'Invalid', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async (request, reply) => {
      const { body, query } = request
      noteChange(request, { name: nameIn(body) })
      const plan = accessOf(request).guardCreate<WriteContext>((view, context) => planCreate(view, kind, body, context))
      const changed = await operations.change(nameIn(body), changeRequest(request, query), plan)
      noteChange(request, { name: identityOf(changed.object).name })
      if (query.dryRun === undefined) locate(reply, request, changed.object)
      return sendObject(reply.code(201), changed.object, changed.warnings)
    },
  )

  const status = { path: '/:name/status', subresource: 'status', suffix: 'Status', what: 'the status of one' } as const
  const parts = [
    { path: '/:name', subresource: '', suffix: '', what: 'one' } as const,
    ...(kind.isStatusWritable ? [status] : []),
  ]
  for (const { path, subresource, suffix, what } of parts) {
    app.put(
      path,
      {
        config: { access: { verb: 'update', resource: kind.plural }, ...configOfBody(ref(schemas.object)) },
        schema: {
          operationId: `replace${kind.kind}${suffix}`,
          tags,
          summary: `Replace ${what} of the ${kind.plural}`,
          description:
            subresource === ''
              ? 'With `metadata.resourceVersion`, replaces only that version. Fields that the server sets stay as they are, and so does the status.'
              : 'Replaces the status only. With `metadata.resourceVersion`, replaces only that version.',
          consumes: [...objectTypes],
          params: nameInPath,
          querystring: WriteQuery,
          response: { 200: written('The object as it is stored.'), ...changeProblems },
        },
      },
      async (request, reply) => {
        const { params, body, query } = request
        const { name } = params
        const plan = accessOf(request).guardChange<WriteContext>(
          name,
          'update',
          (view, context) => planReplace(view, kind, name, body, context),
          { mayCreate: false },
        )
        const changed = await operations.change(name, changeRequest(request, query, subresource), plan)
        if (query.dryRun === undefined) await continueDelete(params.name, changed.object)
        return sendObject(reply, changed.object, changed.warnings)
      },
    )

    app.patch(
      path,
      {
        config: {
          access: { verb: 'patch', resource: kind.plural },
          ...configOfBody({
            content: { [patchTypes[0]]: { schema: ref(MergePatch) }, [patchTypes[1]]: { schema: ref(JsonPatch) } },
          }),
        },
        schema: {
          operationId: `patch${kind.kind}${suffix}`,
          tags,
          summary: `Change some fields of ${what} of the ${kind.plural}`,
          description:
            'The media type of the body says which patch it is: a JSON merge patch, a JSON patch, or, with `application/apply-patch+yaml`, the fields that `fieldManager` manages (server-side apply). Server-side apply creates an object that does not exist.',
          params: nameInPath,
          querystring: PatchQuery,
          response: {
            200: written('The object as it is stored.'),
            201: located(written('The object that was created, as it is stored.')),
            ...changeProblems,
          },
        },
      },
      async (request, reply) => {
        const { params, body, query, headers } = request
        const isApply = mediaTypeOf(headers['content-type']) === patchTypes[2]
        const asked = changeRequest(request, query, subresource)
        // Server-side apply requires an explicit field manager.
        const change = isApply ? { ...asked, manager: query.fieldManager ?? '' } : asked
        const planned = planOfPatch(kind, params.name, body, headers['content-type'], { isForced: isTrue(query.force) })
        const mayCreate = isApply && subresource === ''
        const plan = accessOf(request).guardChange(params.name, 'patch', planned, { mayCreate })
        if (!isApply && query.force !== undefined) throw refuseForce()
        const changed = await operations.change(params.name, change, plan)
        if (query.dryRun === undefined) await continueDelete(params.name, changed.object)
        if (changed.isNew && query.dryRun === undefined) locate(reply, request, changed.object)
        return sendObject(reply.code(changed.isNew ? 201 : 200), changed.object, changed.warnings)
      },
    )
  }

  app.delete(
    '/:name',
    {
      config: { access: { verb: 'delete', resource: kind.plural } },
      schema: {
        operationId: `delete${kind.kind}`,
        tags,
        summary: `Delete one of the ${kind.plural}`,
        description:
          'Returns a `Status` if the object is deleted, and the object with a `deletionTimestamp` if it cannot be deleted yet. An IP pool gives no more addresses, and is deleted when its last address is released; an object with finalizers is deleted when the last finalizer is removed. A body of kind `DeleteOptions` may contain `preconditions` (`uid`, `resourceVersion`) and `dryRun`.',
        params: nameInPath,
        querystring: DeleteQuery,
        response: {
          200: {
            description: 'The object is deleted or is being deleted.',
            content: {
              'application/json': { schema: schemas.deletion, example: statusOfDeleted(kind, schemas.stored) },
            },
          },
          ...problems('NotFound', 'Conflict', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async (request, reply) => {
      const { params, body, query } = request
      const { name } = params
      const { preconditions, isDryRun } = requireGranted(readDeleteOptions(body))
      const dryRun = isDryRun || query.dryRun === 'All'
      noteChange(request, { dryRun })
      const { deleted, object } = await operations.remove(kind, name, preconditions, {
        dryRun,
        access: accessOf(request),
      })
      if (deleted.isGone) return sendJson(reply, statusOfDeleted(kind, deleted.value))
      return sendObject(reply, object, unmetConditions(object))
    },
  )

  app.delete(
    '',
    {
      config: { access: { verb: 'delete', resource: kind.plural } },
      schema: {
        operationId: `delete${pluralOf(kind)}`,
        tags,
        summary: `Delete all or selected ${kind.plural}`,
        description:
          'Deletes the objects one by one, each like a delete by name. The response lists them in their last state, or with a `deletionTimestamp` if they cannot be deleted yet. The first refusal ends the call, and earlier deletes stand: repeat the call to go on.',
        querystring: DeleteCollectionQuery,
        response: {
          200: answer('The objects that were deleted.', schemas.list),
          ...problems('Conflict', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async (request, reply) => {
      const { body, query } = request
      const { isDryRun } = requireGranted(readDeleteOptions(body))
      const { dryRun: asked, labelSelector, fieldSelector } = query
      const dryRun = isDryRun || asked === 'All'
      const names: string[] = []
      noteChange(request, { dryRun, names })
      const access = accessOf(request)
      const selected = {
        ...(labelSelector !== undefined && { labelSelector }),
        ...(fieldSelector !== undefined && { fieldSelector }),
      }
      const list = await listObjects(store, kind, selected, access.selectorFor('delete'))
      const items = []
      for (const { name, uid } of list.items.map(identityOf)) {
        const object = await removeIfThere(name, uid, { dryRun, access })
        if (object === undefined) continue
        items.push(object)
        names.push(name)
      }
      return sendList(reply, { ...list.object, items })
    },
  )

  /** Continues the delete of an object after a change removed its last finalizer, if the change could not do so itself. */
  async function continueDelete(name: string, object: JsonObject): Promise<void> {
    const metadata = objectIn(object, 'metadata')
    const { uid } = metadata
    if (!kind.isDeletedInSteps || !isBeingDeleted(metadata) || finalizersOf(metadata).length > 0) return
    // Rights were checked when the delete began: this only completes it.
    if (typeof uid === 'string') await removeIfThere(name, uid, { dryRun: false, access: undefined })
  }

  /** Deletes the object with this UID, or begins to. Undefined if another call has deleted it. */
  async function removeIfThere(name: string, uid: string, how: RemovalOptions): Promise<JsonObject | undefined> {
    try {
      const { object } = await operations.remove(kind, name, { uid }, how)
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
 * Adds the schema of a body to the OpenAPI document only. The plan validates the body itself: an unknown field may have to be dropped
 * with a warning, and the refusal has to name every wrong field at once. Numbers keep their digits, as they do in the store.
 */
function configOfBody(
  body: TSchema | { readonly content: Readonly<Record<string, { readonly schema: TSchema }>> },
): FastifyContextConfig {
  return { keepsDigits: true, swaggerTransform: ({ schema, url }) => ({ schema: { ...schema, body }, url }) }
}

/** Sends the path of an object that was created in the header `Location`. */
function locate(reply: FastifyReply, { routeOptions }: FastifyRequest, object: JsonObject): void {
  const collection = routeOptions.url?.replace(/\/:name.*$/, '') ?? ''
  void reply.header('location', `${collection}/${identityOf(object).name}`)
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

/** The name in a new object, for messages about it. */
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
