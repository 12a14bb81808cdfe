/** An object whose fields are not known. */
export type Fields = Readonly<Record<string, unknown>>

/** True of an object with fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
