import {
  type Static,
  type TInteger,
  type TOptional,
  type TSchema,
  type TString,
  type TUnsafe,
  Type,
} from '@sinclair/typebox'
import { limits } from '../wire/index.ts'

/** Objects of the API are closed: an unknown field is refused instead of silently dropped. */
export const closed = { additionalProperties: false } as const

/**
 * Makes a reference to a schema that was added to the server (`app.addSchema`), with the static type of that schema. The OpenAPI document
 * has the schema once, under components. Throws if `schema` has no `$id`.
 */
export function ref<Schema extends TSchema>(schema: Schema): TUnsafe<Static<Schema>> {
  if (schema.$id === undefined) throw new Error('only a schema with an $id can be referred to')
  return Type.Unsafe<Static<Schema>>({ $ref: `${schema.$id}#` })
}

/** Makes the schema of a map from any names to texts. */
export function texts(options: {
  readonly maxProperties?: number
  readonly maxLength?: number
  readonly description: string
}): TUnsafe<Record<string, string>> {
  const { maxLength, ...rest } = options
  const value = maxLength === undefined ? { type: 'string' } : { type: 'string', maxLength }
  return Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: value, ...rest })
}

/** Makes the schema of a text that may be null. Responses have null instead of a missing field, so their fields are always the same. */
export function nullableText(
  description: string,
  options: { readonly format?: 'date-time' } = {},
): TUnsafe<string | null> {
  return Type.Unsafe<string | null>({ type: ['string', 'null'], description, ...options })
}

/** Field of the answer of a change that may take several transactions. */
export const isComplete = Type.Boolean({
  description: 'False if the call was interrupted. What it did stays done; send it again for the rest.',
})

/** Makes the schema of a number of addresses, as decimal text. */
export function count(description: string): TString {
  return Type.String({
    pattern: '^(0|[1-9][0-9]*)$',
    description: `${description} Decimal, because an IPv6 pool may have 2^128.`,
  })
}

/**
 * Makes the schema of an optional list in a request; if given, it must not be empty. Null counts as absent: generated clients in Java
 * send an empty list for an absent one unless it may be null.
 */
export function optionalList<Item extends TSchema>(
  items: Item,
  options: { readonly maxItems: number; readonly description: string },
): TOptional<TUnsafe<Static<Item>[] | null>> {
  const list = { ...Type.Array(items, { minItems: 1, ...options }), type: ['array', 'null'] }
  return Type.Optional(Type.Unsafe<Static<Item>[] | null>(list))
}

/** The part of an answer that tells a dry run from a change. */
export const dryRunField = Type.Optional(
  Type.Unsafe<'All'>({
    type: 'string',
    enum: ['All'],
    description: 'Only in the answer to a dry run: nothing was changed.',
  }),
)

/** Options of an enumeration. */
export interface EnumerationOptions<Text extends string> {
  /** Name of the type in the OpenAPI document. Required for more than one value. */
  readonly title?: string
  /** The values' names in generated code, if a value is no word. */
  readonly names?: readonly string[]
  /** Prefix of the values' names in generated code. Required if another enumeration has a value of the same name. */
  readonly prefix?: string
  readonly description?: string
  readonly examples?: readonly Text[]
}

/** Makes the schema of an enumeration of texts. */
export function oneOf<const Text extends string>(
  values: readonly Text[],
  { prefix, names: given, ...options }: EnumerationOptions<Text> = {},
): TUnsafe<Text> {
  const names = given ?? (prefix === undefined ? undefined : values.map((value) => constantName(`${prefix}${value}`)))
  return Type.Unsafe<Text>({
    type: 'string',
    enum: [...values],
    ...(names && { 'x-enum-varnames': names }),
    ...options,
  })
}

/** Converts a name to the form of constants: `InUse` becomes `IN_USE`. */
export function constantName(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase()
}

/**
 * A handle is part of a key in etcd and of URLs: with a slash its key would not be found, Calico cuts it at a carriage return, and `.` and
 * `..` would be removed from a URL.
 * @see docs/calico/formats.md section 5
 */
const handlePattern = '^(?!\\.{1,2}$)[^/\\u0000-\\u001F\\u007F-\\u009F]+$'

/** Schema of a handle that may exist already, in whatever way it was made. Messages about a wrong one contain `$comment`. */
export const handle = {
  minLength: 1,
  maxLength: limits.handleLength,
  pattern: handlePattern,
  $comment: `1 to ${limits.handleLength} characters, without slashes and control characters, and not "." or ".."`,
  examples: ['vm-42'],
}

/** Invisible characters: control characters, and those that change the direction of the text around them. */
const unseen = '\\u0000-\\u001F\\u007F-\\u009F\\u061C\\u200E\\u200F\\u202A-\\u202E\\u2066-\\u2069'

/** Schema of a handle that gets addresses. It must look like what it is: people compare handles, and programs trim them. */
export const newHandle = {
  ...handle,
  pattern: `^(?!\\.{1,2}$)[^\\s/${unseen}]([^/${unseen}]*[^\\s/${unseen}])?$`,
  $comment: `1 to ${limits.handleLength} characters, without slashes, control characters, marks of text direction, and spaces at its ends, and not "." or ".."`,
}

/** Matches the key of an attribute, which follows the same rules; it may have slashes. */
export const attributeKeyPattern = new RegExp(`^[^\\s${unseen}]([^${unseen}]*[^\\s${unseen}])?$`, 'u')

/** Schema of a resource's name, such as a node's. */
export const name = {
  minLength: 1,
  maxLength: limits.nameLength,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  $comment: `1 to ${limits.nameLength} lower-case letters, digits, "-" and ".", each part beginning and ending with a letter or digit`,
}

/** The most entries of a page below `/ipam/v1`, and the default. */
export const pageMax = 1_000

/** The parameters by which a list is read page by page: `entries` names what is listed, `token` is an example of a token. */
export function pageFields(
  entries: string,
  token: string,
  tokenLengthMax = 256,
): { limit: TOptional<TInteger>; continue: TOptional<TString> } {
  return {
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: pageMax,
        description: `${entries} to a page at most; ${pageMax} when absent.`,
        examples: [100],
      }),
    ),
    continue: Type.Optional(
      Type.String({
        maxLength: tokenLengthMax,
        description: 'The `continue` of the page before.',
        examples: [token],
      }),
    ),
  }
}
