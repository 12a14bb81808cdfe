import type { JSX } from 'preact'

/** Attributes or labels, each as name and value. */
export function Attributes({ of }: { of: Readonly<Record<string, unknown>> | undefined }): JSX.Element {
  const entries = Object.entries(of ?? {})
  if (entries.length === 0) return <span class="quiet">none</span>
  return (
    <span class="tags">
      {entries.map(([name, value]) => (
        <span key={name} class="tag mono">
          {name}={String(value)}
        </span>
      ))}
    </span>
  )
}

/** Attributes as a text for a column: `app=web tenant=blue`. */
export function printAttributes(attributes: Readonly<Record<string, unknown>> | undefined): string {
  return Object.entries(attributes ?? {})
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}
