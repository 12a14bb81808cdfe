/** A field of a protobuf message: its number, and a text or another message. */
export type Field = readonly [number: number, value: string | Message]

/** A protobuf message of texts and messages, of which each field may be there several times. */
export type Message = readonly Field[]

/** The bytes of a message, fields in the order given. @see https://protobuf.dev/programming-guides/encoding */
export function encodeMessage(message: Message): Buffer {
  return Buffer.concat(
    message.flatMap(([number, value]) => {
      const bytes = typeof value === 'string' ? Buffer.from(value) : encodeMessage(value)
      return [varint(number * 8 + lengthDelimited), varint(bytes.length), bytes]
    }),
  )
}

/** The wire type of texts and messages. */
const lengthDelimited = 2

/** Seven bits a byte, the lowest first; all bytes but the last have the eighth bit set. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 0x80)) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest % 0x80) + 0x80)
  }
}
