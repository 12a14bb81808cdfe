import type { FastifyInstance } from 'fastify'
import type { Availability, JsonObject, Now } from '../../model/index.ts'
import {
  reduceToMetadata,
  type MetaVersion,
  metaVersions,
  type RowObject,
  rowObjects,
  type ServedKind,
  type StoredObject,
  printTable,
} from '../../resources/index.ts'
import { acceptedTypes, covers, type MediaRange, refusal } from '../wire/index.ts'

/** The form in which a client wants the objects of a kind: plain, as rows of a table, or their metadata only. */
export interface Representation {
  /** Equal for representations that print the same. */
  readonly name: string
  /** Converts an object in the response to a read or a write. */
  one(object: JsonObject): JsonObject
  /** Converts a list. */
  list(list: JsonObject): JsonObject
  /** Converts the object of a watch event; only the first event of a stream has the columns of a table. */
  event(object: JsonObject, isFirst: boolean): JsonObject
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The representation that the client accepts. Only on the routes of a resource. */
    representation: Representation
  }
}

/** The terms by which cells of tables count addresses. */
export interface Counting {
  readonly now: () => Now
  /** Which addresses count as available at this moment. */
  readonly terms: () => Availability
}

/**
 * Sets `request.representation` on every route below `app`: by the header `Accept`, and for the rows of a table by the parameter
 * `includeObject`. A header without a supported form is refused with 406 before anything is done.
 */
export function chooseRepresentations<Value extends StoredObject>(
  app: FastifyInstance,
  kind: ServedKind<Value>,
  counting: Counting,
): void {
  app.decorateRequest('representation')
  app.addHook('preHandler', (request, _reply, done) => {
    const form = acceptedForm(request.headers.accept)
    if (form === undefined) {
      done(refusal('NotAcceptable', `only the following media types are accepted: ${served}`))
      return
    }
    request.representation = representationOf(kind, form, {
      includeObject: includeObjectIn(request.query),
      ...counting,
    })
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

/** Returns the first accepted form that is supported. Clients also list newer or older ones. */
function acceptedForm(accept: string | undefined): Form | undefined {
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
  { includeObject, now, terms }: Counting & { readonly includeObject: RowObject },
): Representation {
  if (form.as === 'object') return plain
  const { version } = form
  const convert = (object: JsonObject, hasColumns = true): JsonObject =>
    form.as === 'metadata'
      ? reduceToMetadata(object, version)
      : printTable(kind, object, { version, includeObject, hasColumns, now: now(), terms: terms() })
  const name = `${form.as} ${version} ${includeObject}`
  return { name, one: (object) => convert(object), list: (list) => convert(list), event: convert }
}

/** Reads `includeObject` from a query that was validated before. */
function includeObjectIn(query: unknown): RowObject {
  const wanted =
    typeof query === 'object' && query !== null && 'includeObject' in query ? query.includeObject : undefined
  return rowObjects.find((one) => one === wanted) ?? 'Metadata'
}
