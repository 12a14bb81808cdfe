import { shorten } from '../../plan/index.ts'

/** Prints a path such as `addresses[0].handle` or `labels[a/b]`. An empty path is printed as `whole`, the part of the request. */
export function quotePath(segments: readonly (string | number)[], whole: string): string {
  const path = segments
    .map((segment) => shorten(String(segment)))
    .map((segment) => (/^[A-Za-z_][\w-]*$/.test(segment) ? `.${segment}` : `[${segment}]`))
    .join('')
  return path === '' ? whole : path.replace(/^\./, '')
}

/** Prints the path of a URL, without its query, short enough for a message. */
export function quoteUrl(url: string): string {
  return shorten(url.replace(/\?.*$/s, ''))
}

/** Prints a value short enough for a message; of a list or an object only the size. */
export function quoteValue(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return `an object of ${Object.keys(value).length} entries`
  return shorten(typeof value === 'string' ? JSON.stringify(value) : String(value))
}
