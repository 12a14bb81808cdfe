import { type Json, JsonNumber, jsonObject } from '../model/index.ts'

/** Stands for a secret in events. */
const redacted = '[redacted]'

/** Members of objects, and parameters of queries, whose values are secrets. */
const secretNames = /^(access_?|bearer_?|client_?|id_?|refresh_?)?(token|secret|password|passwd|authorization)$/i

/** The secrets of ippoold's tokens, and what follows the scheme of a header `Authorization`. */
const secrets = /ippoold_\w{16,}|(?:Bearer|Basic) [\w.~+/-]+=*/g

/** Everything that the parts of a JSON web token and their dots consist of. */
const runs = /[\w.-]+/g

/** The beginning of the first part of a JSON web token: of an object in JSON, in base 64. */
const objectStart = /eyJ[\w-]{8}/

/** Replaces everything in a text that has the form of a secret. */
export function redactText(text: string): string {
  return text.replace(secrets, redacted).replace(runs, redactJsonWebToken)
}

/**
 * Replaces a JSON web token, and all after it. Part by part: an expression for a whole one would look at the rest of the run again for each
 * beginning in it, and a caller can send a megabyte of those.
 */
function redactJsonWebToken(run: string): string {
  if (!objectStart.test(run)) return run
  const parts = run.split('.')
  const first = parts.findIndex(
    (part, index) => index + 2 < parts.length && parts[index + 1] !== '' && objectStart.test(part),
  )
  if (first < 0) return run
  const begun = parts[first]?.replace(/eyJ.*/s, redacted) ?? ''
  return [...parts.slice(0, first), begun].join('.')
}

/** Replaces secrets in the query of a URL. */
export function redactUrl(url: string): string {
  const start = url.indexOf('?')
  if (start < 0) return url
  const parameters = url
    .slice(start + 1)
    .split('&')
    .map((parameter) => {
      const [name = ''] = parameter.split('=', 1)
      return secretNames.test(name) ? `${name}=${redacted}` : parameter
    })
  return `${url.slice(0, start + 1)}${parameters.join('&')}`
}

/**
 * Copies a body as it may stand in an event: without the values of members that are secrets by their name, and, if asked, without
 * `metadata.managedFields`. What is not JSON is left out.
 */
export function redactBody(body: unknown, { omitManagedFields }: { readonly omitManagedFields: boolean }): Json {
  const copy = (value: unknown, isMetadata: boolean): Json => {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
    if (typeof value === 'number' || value instanceof JsonNumber) return value
    if (Array.isArray(value)) return value.map((entry) => copy(entry, false))
    if (typeof value !== 'object') return null
    const members = Object.entries(value).filter(
      ([name]) => !(omitManagedFields && isMetadata && name === 'managedFields'),
    )
    return jsonObject(
      members.map(([name, member]) => {
        const isSecret = typeof member === 'string' && secretNames.test(name)
        return [name, isSecret ? redacted : copy(member, name === 'metadata')] as const
      }),
    )
  }
  return copy(body, false)
}
