import type { FastifyReply } from 'fastify'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import { isJsonArray, isJsonObject, type Json, type JsonObject, stringifyJson } from '../../model/index.ts'
import type { Refusal } from '../../plan/index.ts'
import { objectIn, quoteObject, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { RefusalError, refusal } from '../wire/index.ts'

/** Warnings in one response: clients limit the size of all headers together. */
const warningsMax = 10
const warningLengthMax = 256

/** Sends an object of the kind, in the representation that the client accepts. */
export function sendObject(reply: FastifyReply, object: JsonObject, warnings: readonly string[] = []): FastifyReply {
  return sendJson(reply, reply.request.representation.one(object), warnings)
}

/** Sends a list of the kind, in the representation that the client accepts. */
export function sendList(reply: FastifyReply, list: JsonObject, warnings: readonly string[] = []): FastifyReply {
  return sendJson(reply, reply.request.representation.list(list), warnings)
}

/** Sends an object with all stored fields and digits: a serializer made from a schema would drop unknown fields. */
export function sendJson(reply: FastifyReply, object: JsonObject, warnings: readonly string[] = []): FastifyReply {
  const first = warnings.slice(0, warningsMax)
  if (warnings.length > first.length) first.push(`and ${warnings.length - first.length} more`)
  if (first.length > 0) void reply.header('warning', first.map(printWarning))
  return reply.type('application/json; charset=utf-8').send(stringifyJson(object))
}

/** Makes the Status that answers a completed delete. */
export function statusOfDeleted<Value extends StoredObject>(kind: ServedKind<Value>, value: Value): JsonObject {
  const uid: Json = objectIn(value.object, 'metadata')['uid'] ?? ''
  const details = { name: value.name, group: kind.group.name, kind: kind.plural, uid }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** The messages of conditions that are false: they say what an object that is being deleted waits for. */
export function unmetConditions(object: JsonObject): readonly string[] {
  const { conditions } = objectIn(object, 'status')
  const unmet = isJsonArray(conditions)
    ? conditions.filter(isJsonObject).filter(({ status }) => status === 'False')
    : []
  return unmet.flatMap(({ message }) => (typeof message === 'string' && message !== '' ? [message] : []))
}

/** Makes a refusal as Kubernetes' clients expect it: `details` names the object, with its kind if it is invalid, else with its resource. */
export function refusalAbout<Value extends StoredObject>(
  refusal: Refusal,
  kind: ServedKind<Value>,
  name: string | undefined,
): RefusalError {
  const subject = { group: kind.group.name, kind: refusal.reason === 'Invalid' ? kind.kind : kind.plural }
  return new RefusalError(refusal, { subject: name === undefined || name === '' ? subject : { name, ...subject } })
}

/** Makes the error of a delete that the datastore interrupted after some of its steps; an unknown outcome stays one. */
export function unfinished<Value extends StoredObject>(fault: unknown, kind: ServedKind<Value>, name: string): unknown {
  if (!(fault instanceof DatastoreUnavailable) || fault.code === 'OutcomeUnknown') return fault
  const message = `${quoteObject(kind, name)} is deleted in part: what belonged to it is gone, the object is not. Repeat the delete to go on.`
  const subject = { name, group: kind.group.name, kind: kind.plural }
  return refusal('ServiceUnavailable', message, { cause: fault, subject })
}

/** Prints a `Warning` header with code 299, as Kubernetes does; printable ASCII only. */
function printWarning(text: string): string {
  const printable = text.replace(/[^\x20-\x7E]/g, '?').slice(0, warningLengthMax)
  return `299 - "${printable.replace(/["\\]/g, '\\$&')}"`
}
