/** JSON with every digit of whole numbers: those that a JavaScript number cannot represent are bigints. */

/** Parses a JSON text. Throws a SyntaxError. */
export function parseExact(text: string): unknown {
  return json.parse(text, (_, value, { source }) => {
    return typeof value === 'number' && /^-?\d+$/.test(source) && !Number.isSafeInteger(value) ? BigInt(source) : value
  })
}

/** Prints a value in JSON. */
export function printExact(value: unknown): string {
  return json.stringify(value, (_, member) => (typeof member === 'bigint' ? json.rawJSON(String(member)) : member))
}

/** JSON with the source text of each number, as Node 22 and newer have it, and TypeScript does not know yet. */
const json = JSON as unknown as {
  parse(text: string, reviver: (name: string, value: unknown, context: { source: string }) => unknown): unknown
  stringify(value: unknown, replacer: (name: string, value: unknown) => unknown): string
  rawJSON(text: string): object
}
