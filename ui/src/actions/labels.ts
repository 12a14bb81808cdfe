/** Labels as they are typed: `zone=a rack=7`. A label without `=` has an empty value. */
export function readLabels(text: string): Record<string, string> {
  const entries = text
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map((word) => {
      const at = word.indexOf('=')
      return at < 0 ? ([word, ''] as const) : ([word.slice(0, at), word.slice(at + 1)] as const)
    })
  return Object.fromEntries(entries)
}

/** Labels as {@link readLabels} reads them. */
export function printLabels(labels: Readonly<Record<string, unknown>> | undefined): string {
  return Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}

/** The merge patch that makes one set of labels from another: what is gone is null. */
export function labelPatch(
  before: Readonly<Record<string, unknown>> | undefined,
  after: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const gone = Object.keys(before ?? {}).filter((name) => !(name in after))
  const changed = Object.entries(after).filter(([name, value]) => before?.[name] !== value)
  return { ...Object.fromEntries(gone.map((name) => [name, null])), ...Object.fromEntries(changed) }
}
