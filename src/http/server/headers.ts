/**
 * Headers of every answer. The content is what its type says, and no document that a browser shows or embeds. Routes whose answers a
 * browser may show, or keep, set their own.
 */
export const safeHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
} as const
