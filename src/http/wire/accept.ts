/** One of the media types that a client accepts. */
export interface MediaRange {
  /** Lower-case, such as `application/json` or `*` + `/*`. */
  readonly type: string
  /** What it says of the type besides how much it is wanted; the names are lower-case. */
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * The media types of an `Accept` header, the most wanted first, and among equals in the order given; without those that are not
 * wanted at all (`q=0`). Without a header everything is accepted.
 * @see RFC 9110 section 12.5.1
 */
export function acceptedTypes(header: string | undefined): readonly MediaRange[] {
  const ranges = (header ?? '*/*').split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const named = new Map(parameters.map(parameterOf))
    const quality = Number(named.get('q') ?? 1)
    named.delete('q')
    return { type: type.toLowerCase(), parameters: named, quality: Number.isNaN(quality) ? 1 : quality }
  })
  return ranges
    .filter(({ type, quality }) => type !== '' && quality > 0)
    .sort((one, other) => other.quality - one.quality)
    .map(({ type, parameters }) => ({ type, parameters }))
}

/** Whether `type`, such as `application/json`, is in a range. */
export function covers({ type: range }: MediaRange, type: string): boolean {
  return range === type || range === '*/*' || range === `${type.replace(/\/.*$/, '')}/*`
}

function parameterOf(text: string): readonly [name: string, value: string] {
  const [name = '', value = ''] = text.split('=', 2)
  return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')]
}
