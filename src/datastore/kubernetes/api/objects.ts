import { isJsonArray, isJsonObject, type JsonObject, jsonObject, parseJson } from '../../../model/index.ts'
import type { Revision } from '../../../plan/index.ts'
import { nameIn, objectAt, type ObjectKind, textAt } from '../forms/index.ts'
import type { ApiClient } from './client.ts'
import { type ApiOutcome, type ApiRefusal, describeRefusal } from './outcome.ts'

/** The objects of a page, as of one version of the API server's data. */
export interface ObjectPage {
  readonly objects: readonly JsonObject[]
  readonly revision: Revision
  /** The token of the next page; undefined on the last page. */
  readonly continue: string | undefined
}

/** Which objects to list. */
export interface ListOptions {
  readonly limit?: number
  readonly continue?: string
  readonly labelSelector?: string
  /** All as of this version, which must be in history; not with `continue`. */
  readonly revision?: Revision
  /** Names and versions only. */
  readonly isMetadataOnly?: boolean
}

/** A change of an object that a watch tells, or how far the watch has come (`BOOKMARK`). */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: JsonObject
}

/** An answer without what was asked for. */
export class ApiFailure extends Error {
  /** The refusal of the API server; undefined if the request was lost, or never sent. */
  readonly refusal: ApiRefusal | undefined

  constructor(message: string, refusal: ApiRefusal | undefined, cause?: unknown) {
    super(message, { cause })
    this.name = 'ApiFailure'
    this.refusal = refusal
  }
}

/** The version of an object, as a number: it grows with every change. Throws if the API server counts in another way. */
export function revisionOf(object: JsonObject): Revision {
  const text = textAt(objectAt(object, 'metadata'), 'resourceVersion')
  if (!/^\d+$/.test(text)) throw new ApiFailure(`resourceVersion: expected a whole number, found ${text}`, undefined)
  return BigInt(text)
}

/** Only the metadata of the objects in a list. */
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'

/** The API server closes a watch after so long; the informer resumes it. */
const watchSeconds = 600

/** The objects of one kind. Reads are linearizable. Writes compare the version, and are sent once. */
export class ObjectClient {
  readonly kind: ObjectKind
  readonly #client: ApiClient
  readonly #timeoutMs: number

  constructor(client: ApiClient, kind: ObjectKind, timeoutMs: number) {
    this.#client = client
    this.kind = kind
    this.#timeoutMs = timeoutMs
  }

  /** The object of this name; undefined if there is none. Throws {@link ApiFailure}. */
  async get(name: string): Promise<JsonObject | undefined> {
    const outcome = await this.#send('GET', name)
    if (outcome.kind === 'refused' && outcome.refusal.status === 404) return undefined
    return answerOf(outcome)
  }

  /** One page of the objects, in the order of their names. Throws {@link ApiFailure}; its refusal is 410 if a `continue` is too old. */
  async list(options: ListOptions = {}): Promise<ObjectPage> {
    const { limit, labelSelector, isMetadataOnly = false } = options
    const query = {
      ...(limit !== undefined && { limit: String(limit) }),
      ...(options.continue !== undefined && { continue: options.continue }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(options.revision !== undefined && {
        resourceVersion: String(options.revision),
        resourceVersionMatch: 'Exact',
      }),
    }
    const path = pathOf(this.kind)
    const accept = isMetadataOnly ? { accept: metadataOnly } : {}
    const list = answerOf(
      await this.#client.send({ method: 'GET', path, query, timeoutMs: this.#timeoutMs, ...accept }),
    )
    const { items } = list
    return {
      objects: isJsonArray(items) ? items.filter(isJsonObject) : [],
      revision: revisionOf(list),
      continue: textAt(objectAt(list, 'metadata'), 'continue') || undefined,
    }
  }

  /** Creates an object; refused with `AlreadyExists` if there is one of the name. Fields that would be pruned are refused. */
  create(object: JsonObject): Promise<ApiOutcome> {
    return this.#send('POST', undefined, object)
  }

  /** Replaces the object at the version that `object` has; refused with a conflict if it has changed since. */
  replace(object: JsonObject): Promise<ApiOutcome> {
    return this.#send('PUT', nameIn(object), object)
  }

  /** Replaces the status of an object at the version that `object` has. Refused with 404 if the kind has none that is written apart. */
  replaceStatus(object: JsonObject): Promise<ApiOutcome> {
    return this.#send('PUT', `${nameIn(object)}/status`, object)
  }

  /** Deletes the object as it was read; refused with a conflict if it has changed since, or is another one of the name. */
  remove(object: JsonObject): Promise<ApiOutcome> {
    const { uid = null, resourceVersion = null } = objectAt(object, 'metadata')
    const preconditions = jsonObject([
      ['uid', uid],
      ['resourceVersion', resourceVersion],
    ])
    return this.#send('DELETE', nameIn(object), jsonObject([['preconditions', preconditions]]))
  }

  /**
   * Tells the changes after a version, until the API server ends the watch, or `signal` does. Throws {@link ApiFailure}; its refusal is 410
   * if the version is no longer in history.
   */
  async *watch(after: Revision, signal: AbortSignal, labelSelector?: string): AsyncGenerator<WatchEvent, void> {
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: String(after),
      timeoutSeconds: String(watchSeconds),
      ...(labelSelector !== undefined && { labelSelector }),
    }
    const opened = await this.#client.stream({ path: pathOf(this.kind), query, timeoutMs: this.#timeoutMs }, signal)
    if (!('lines' in opened)) throw failureOf(opened)
    for await (const line of opened.lines) {
      const parsed = parseJson(line)
      const event = parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined
      const [type, object] = [textAt(event, 'type'), objectAt(event, 'object')]
      if (isChange(type)) yield { type, object }
      else throw eventFailure(type, object)
    }
  }

  #send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', name: string | undefined, body?: JsonObject): Promise<ApiOutcome> {
    const path =
      name === undefined
        ? pathOf(this.kind)
        : `${pathOf(this.kind)}/${name.split('/').map(encodeURIComponent).join('/')}`
    const isStored = method === 'POST' || method === 'PUT'
    return this.#client.send({
      method,
      path,
      timeoutMs: this.#timeoutMs,
      ...(isStored && { query: { fieldValidation: 'Strict', fieldManager: 'ippoold' } }),
      ...(body !== undefined && { body }),
    })
  }
}

function pathOf({ apiVersion, plural, namespace }: ObjectKind): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`
}

function isChange(type: string): type is WatchEvent['type'] {
  return ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'].includes(type)
}

/** An `ERROR` is a Status, such as that of a version which has been compacted. */
function eventFailure(type: string, object: JsonObject): ApiFailure {
  const { code } = object
  const refusal = {
    status: typeof code === 'number' ? code : 0,
    reason: textAt(object, 'reason'),
    message: textAt(object, 'message'),
  }
  return type === 'ERROR'
    ? new ApiFailure(describeRefusal(refusal), refusal)
    : new ApiFailure(`the watch told ${JSON.stringify(type)}, which is no change`, undefined)
}

function answerOf(outcome: ApiOutcome): JsonObject {
  if (outcome.kind === 'answered') return outcome.object
  throw failureOf(outcome)
}

function failureOf(outcome: Exclude<ApiOutcome, { kind: 'answered' }>): ApiFailure {
  return outcome.kind === 'refused'
    ? new ApiFailure(describeRefusal(outcome.refusal), outcome.refusal)
    : new ApiFailure(outcome.error.message, undefined, outcome.error)
}
