import type { Static, TOptional, TSchema, TUnsafe } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { limits } from '../wire/index.ts'

/** Objects of the API are closed: an unknown field is refused rather than dropped without a word. */
export const closed = { additionalProperties: false } as const

/** A map of texts, of any names. */
export function texts(options: {
  readonly maxProperties?: number
  readonly maxLength?: number
  readonly description: string
}): TUnsafe<Record<string, string>> {
  const { maxLength, ...rest } = options
  const value = maxLength === undefined ? { type: 'string' } : { type: 'string', maxLength }
  return Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: value, ...rest })
}

/** A text that may be missing, and is null then: an answer has the same fields every time. */
export function nullableText(
  description: string,
  options: { readonly format?: 'date-time' } = {},
): TUnsafe<string | null> {
  return Type.Unsafe<string | null>({ type: ['string', 'null'], description, ...options })
}

/**
 * A list of a request that may be left out, and if it is given must not be empty. Null is as good as left out: a client in Java
 * makes an empty list of one that nobody gives, and sends it, unless the list may be null.
 */
export function optionalList<Item extends TSchema>(
  items: Item,
  options: { readonly maxItems: number; readonly description: string },
): TOptional<TUnsafe<Static<Item>[] | null>> {
  const list = { ...Type.Array(items, { minItems: 1, ...options }), type: ['array', 'null'] }
  return Type.Optional(Type.Unsafe<Static<Item>[] | null>(list))
}

/** What is said of an enumeration. */
export interface EnumerationOptions<Text extends string> {
  /** Its name as a type in the OpenAPI document. Needed as soon as there are several values. */
  readonly title?: string
  /** Comes before the names of the values in generated code. Needed where other enumerations have a value of the same name. */
  readonly prefix?: string
  readonly description?: string
  readonly examples?: readonly Text[]
}

/** One of some texts. */
export function oneOf<const Text extends string>(
  values: readonly Text[],
  { prefix, ...options }: EnumerationOptions<Text> = {},
): TUnsafe<Text> {
  const names = prefix !== undefined && {
    'x-enum-varnames': values.map((value) => constantName(`${prefix}${value}`)),
  }
  return Type.Unsafe<Text>({ type: 'string', enum: [...values], ...names, ...options })
}

/** A name in the form of constants: `InUse` is `IN_USE`. */
export function constantName(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase()
}

/**
 * The name of an owner, as it stands in etcd's keys: a slash would make a key that nobody finds, Calico cuts at a carriage return,
 * and `.` and `..` would vanish from a URL.
 * @see docs/calico/formats.md section 5
 */
const handlePattern = '^(?!\\.{1,2}$)[^/\\u0000-\\u001F\\u007F-\\u009F]+$'

/** The handle of a request. A message about it says what `$comment` says. */
export const handle = {
  minLength: 1,
  maxLength: limits.handleLength,
  pattern: handlePattern,
  $comment: `1 to ${limits.handleLength} characters, without slashes and control characters, and not "." or ".."`,
  examples: ['vm-42'],
}

/** A name after the rule for all kinds of resources, nodes among them. */
export const name = {
  minLength: 1,
  maxLength: limits.nameLength,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  $comment: `1 to ${limits.nameLength} lower-case letters, digits, "-" and ".", each part beginning and ending with a letter or digit`,
}
