import type { FastifyReply } from 'fastify'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import { type Json, type JsonObject, stringifyJson } from '../../model/index.ts'
import type { Refusal } from '../../plan/index.ts'
import { group, objectIn, quoteObject, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { RefusalError, refusal } from '../wire/index.ts'

/** How many warnings an answer carries: clients bound the size of all headers together. */
const warningsMax = 10
const warningLengthMax = 256

/** Sends an object of the kind, in the form that the client wants. */
export function sendObject(reply: FastifyReply, object: JsonObject, warnings: readonly string[] = []): FastifyReply {
  return sendJson(reply, reply.request.representation.one(object), warnings)
}

/** Sends a list of the kind, in the form that the client wants. */
export function sendList(reply: FastifyReply, list: JsonObject, warnings: readonly string[] = []): FastifyReply {
  return sendJson(reply, reply.request.representation.list(list), warnings)
}

/**
 * Sends an object with every digit that is stored: not through a serialiser made from a schema, which would drop what the schema does
 * not know.
 */
export function sendJson(reply: FastifyReply, object: JsonObject, warnings: readonly string[] = []): FastifyReply {
  const told = warnings.slice(0, warningsMax)
  if (warnings.length > told.length) told.push(`and ${String(warnings.length - told.length)} more`)
  if (told.length > 0) void reply.header('warning', told.map(printWarning))
  return reply.type('application/json; charset=utf-8').send(stringifyJson(object))
}

/** What tells that an object is gone. */
export function goneStatus<Value extends StoredObject>(kind: ServedKind<Value>, value: Value): JsonObject {
  const uid: Json = objectIn(value.object, 'metadata')['uid'] ?? ''
  const details = { name: value.name, group, kind: kind.plural, uid }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** A refusal as Kubernetes' clients want it: `details` names the object, of an invalid one with its kind, else with its resource. */
export function refusalAbout<Value extends StoredObject>(
  refusal: Refusal,
  kind: ServedKind<Value>,
  name: string | undefined,
): RefusalError {
  const subject = { group, kind: refusal.reason === 'Invalid' ? kind.kind : kind.plural }
  return new RefusalError(refusal, { subject: name === undefined || name === '' ? subject : { name, ...subject } })
}

/** What a deletion that has begun is answered when the datastore does not carry on. */
export function unfinished<Value extends StoredObject>(fault: unknown, kind: ServedKind<Value>, name: string): unknown {
  if (!(fault instanceof DatastoreUnavailable) || fault.code === 'OutcomeUnknown') return fault
  const message = `A part of what goes with ${quoteObject(kind, name)} is deleted, and it is still there itself; delete it again to go on.`
  const subject = { name, group, kind: kind.plural }
  return refusal('ServiceUnavailable', message, { cause: fault, subject })
}

/** A `Warning` header with Kubernetes' code for everything; printable ASCII only, as headers are. */
function printWarning(text: string): string {
  const printable = text.replace(/[^\x20-\x7E]/g, '?').slice(0, warningLengthMax)
  return `299 - "${printable.replace(/["\\]/g, '\\$&')}"`
}
