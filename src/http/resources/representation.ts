import type { FastifyInstance } from 'fastify'
import type { JsonObject, Now } from '../../model/index.ts'
import {
  metadataOnly,
  type MetaVersion,
  metaVersions,
  type RowObject,
  rowObjects,
  type ServedKind,
  type StoredObject,
  tableOf,
} from '../../resources/index.ts'
import { acceptedTypes, covers, type MediaRange, refusal } from '../wire/index.ts'

/**
 * As what a client wants to see the objects of a kind: as they are, as rows of a table, or their metadata alone. Each function takes
 * what clients see of an object.
 */
export interface Representation {
  /** The same for those that show everything alike. */
  readonly name: string
  /** An object of the kind, in the answer to a read or a write. */
  one(object: JsonObject): JsonObject
  /** A list of the kind. */
  list(list: JsonObject): JsonObject
  /** The object of an event of a watch; only the first event of a stream tells the columns of a table. */
  event(object: JsonObject, isFirst: boolean): JsonObject
}

declare module 'fastify' {
  interface FastifyRequest {
    /** How the answer is to look. Only on the routes of a resource. */
    representation: Representation
  }
}

/**
 * Makes every route below `app` know, as `request.representation`, how its answer is to look: by the `Accept` header, and for the rows
 * of a table by the parameter `includeObject`. A header that leaves no choice is refused with 406 before anything is done.
 */
export function chooseRepresentations<Value extends StoredObject>(
  app: FastifyInstance,
  kind: ServedKind<Value>,
  now: () => Now,
): void {
  app.decorateRequest('representation')
  app.addHook('preHandler', (request, _reply, done) => {
    const form = wantedForm(request.headers.accept)
    if (form === undefined) {
      done(refusal('NotAcceptable', `only the following media types are accepted: ${served}`))
      return
    }
    request.representation = representationOf(kind, form, { includeObject: includeObjectIn(request.query), now })
    done()
  })
}

const plain: Representation = {
  name: 'object',
  one: (object) => object,
  list: (list) => list,
  event: (object) => object,
}

const json = 'application/json'

const served = [
  json,
  ...['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'].map((as) => `${json};as=${as};v=v1;g=meta.k8s.io`),
].join(', ')

type Form = { readonly as: 'object' } | { readonly as: 'table' | 'metadata'; readonly version: MetaVersion }

/** The first form among what is accepted that is known here. Clients list others, newer or older ones, beside it. */
function wantedForm(accept: string | undefined): Form | undefined {
  return acceptedTypes(accept)
    .filter((range) => covers(range, json))
    .map(formOf)
    .find((form) => form !== undefined)
}

function formOf({ parameters }: MediaRange): Form | undefined {
  const as = parameters.get('as')
  if (as === undefined) return { as: 'object' }
  const version = metaVersions.find((known) => known === parameters.get('v'))
  if (version === undefined || parameters.get('g') !== 'meta.k8s.io') return undefined
  if (as === 'Table') return { as: 'table', version }
  return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? { as: 'metadata', version } : undefined
}

function representationOf<Value extends StoredObject>(
  kind: ServedKind<Value>,
  form: Form,
  { includeObject, now }: { readonly includeObject: RowObject; readonly now: () => Now },
): Representation {
  if (form.as === 'object') return plain
  const { version } = form
  const show = (shown: JsonObject, hasColumns = true): JsonObject =>
    form.as === 'metadata'
      ? metadataOnly(shown, version)
      : tableOf(kind, shown, { version, includeObject, hasColumns, now: now() })
  const name = `${form.as} ${version} ${includeObject}`
  return { name, one: (object) => show(object), list: (list) => show(list), event: show }
}

/** The query has been found valid before. */
function includeObjectIn(query: unknown): RowObject {
  const wanted =
    typeof query === 'object' && query !== null && 'includeObject' in query ? query.includeObject : undefined
  return rowObjects.find((one) => one === wanted) ?? 'Metadata'
}
