import type { Json, JsonObject } from '../../model/index.ts'

/** A field of a message: its name in JSON, and its type; `texts` and `messages` may occur several times. */
type FieldType =
  | { readonly name: string; readonly type: 'text' | 'texts' }
  | { readonly name: string; readonly type: 'message'; readonly fields: MessageFields }

/** The fields of a message that are read, by their numbers. */
export type MessageFields = Readonly<Record<number, FieldType>>

/** The prefix of Kubernetes' messages. Behind it, the message lies in a `runtime.Unknown`, which names its kind. */
const magic = Buffer.from('k8s\0')

/** The number of the envelope's field with the message itself. */
const rawField = 2

/**
 * Decodes an object as Kubernetes encodes it in protobuf: the fields that `fields` name. Undefined if it is no such encoding.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding and https://protobuf.dev/programming-guides/encoding/
 */
export function decodeObject(bytes: Buffer, fields: MessageFields): JsonObject | undefined {
  if (!bytes.subarray(0, magic.length).equals(magic)) return undefined
  const outside = bytes.subarray(magic.length)
  const raw = fieldsIn(outside)?.findLast(({ number }) => number === rawField)?.value
  return raw && decodeMessage(raw, fields)
}

function decodeMessage(bytes: Buffer, fields: MessageFields): JsonObject | undefined {
  const found = fieldsIn(bytes)
  if (found === undefined) return undefined
  const message: Record<string, Json> = {}
  // A message of a megabyte may repeat a field half a million times.
  const lists = new Map<string, string[]>()
  for (const { number, value } of found) {
    const field = fields[number]
    if (field === undefined || value === undefined) continue
    if (field.type === 'message') {
      const inner = decodeMessage(value, field.fields)
      if (inner === undefined) return undefined
      message[field.name] = inner
    } else if (field.type === 'text') message[field.name] = value.toString()
    else {
      const list = lists.get(field.name) ?? []
      list.push(value.toString())
      lists.set(field.name, list)
    }
  }
  return { ...message, ...Object.fromEntries(lists) }
}

/** The fields of a message in their order, with the bytes of those that have a length; undefined if it is malformed. */
function fieldsIn(
  bytes: Buffer,
): readonly { readonly number: number; readonly value: Buffer | undefined }[] | undefined {
  const found: { number: number; value: Buffer | undefined }[] = []
  let at = 0
  const readNumber = (): number => {
    let value = 0
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return NaN
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return NaN
  }
  while (at < bytes.length) {
    const key = readNumber()
    const number = Math.floor(key / 8)
    const lengths: Readonly<Record<number, () => number>> = {
      0: () => (readNumber(), 0),
      1: () => 8,
      2: readNumber,
      5: () => 4,
    }
    const length = lengths[key % 8]?.() ?? NaN
    if (!(length <= bytes.length - at)) return undefined
    found.push({ number, value: key % 8 === 2 ? bytes.subarray(at, at + length) : undefined })
    at += length
  }
  return found
}
