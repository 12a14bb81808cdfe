import { type RefusalError, refuseFields } from './errors.ts'

/** Prints the token with which a client asks for the next page: opaque to clients, it holds the place where that page begins. */
export function printContinueToken(place: string): string {
  return Buffer.from(place).toString('base64url')
}

/** Reads the place in a token. `parse` returns undefined for a text that is not a place; the token is then refused with `reason`. */
export function readContinueToken<Place>(
  token: string,
  parse: (text: string) => Place | undefined,
  reason: 'BadRequest' | 'Invalid' = 'Invalid',
): Place {
  const place = parse(Buffer.from(token, 'base64url').toString())
  if (place === undefined) throw refuseContinueToken(reason)
  return place
}

/** The refusal of a token that names no place of the list. */
export function refuseContinueToken(reason: 'BadRequest' | 'Invalid'): RefusalError {
  const message = 'is not a token from a list of this server; leave it out'
  return refuseFields(reason, [{ field: 'continue', reason: 'FieldValueInvalid', message }])
}
