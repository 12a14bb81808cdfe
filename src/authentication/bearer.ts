/** The content of a header `Authorization`. */
export type Authorization =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'unreadable'; readonly problem: string }

/** Longer tokens are not looked at: Kubernetes' and the large providers' stay below a quarter of this. */
const tokenLengthMax = 16_384

/**
 * Reads a header `Authorization`. The scheme is `Bearer`, in any case, followed by one token.
 * @see RFC 6750 section 2.1, RFC 9110 section 11.1
 */
export function readAuthorization(header: string | undefined): Authorization {
  if (header === undefined || header.trim() === '') return { kind: 'none' }
  const [, scheme = '', token = ''] = /^(\S+)\s*(.*)$/s.exec(header.trim()) ?? []
  if (scheme.toLowerCase() !== 'bearer') {
    return { kind: 'unreadable', problem: 'The header Authorization must be "Bearer" and a token.' }
  }
  if (token === '') return { kind: 'unreadable', problem: 'The header Authorization has no token after "Bearer".' }
  if (token.length > tokenLengthMax || !/^[\x21-\x7E]+$/.test(token)) {
    return {
      kind: 'unreadable',
      problem: `A token consists of at most ${tokenLengthMax} printable ASCII characters without spaces.`,
    }
  }
  return { kind: 'bearer', token }
}
