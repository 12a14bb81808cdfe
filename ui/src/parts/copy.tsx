import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'

const shownMs = 1_500

/** A button that copies a text, and says so. */
export function Copy({ text, what }: { text: string; what: string }): JSX.Element {
  const [isCopied, setCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await copyText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), shownMs)
  }
  return (
    <button type="button" class="copy" aria-label={`Copy ${what}`} title={`Copy ${what}`} onClick={() => void copy()}>
      <svg viewBox="0 0 14 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.4">
        {isCopied ? <path d="M2 10.5 5.5 14 12 6.5" /> : <path d="M4.5 6.5v-2h8v9h-2M1.5 6.5h8v9h-8z" />}
      </svg>
      <span class="unseen" role="status">
        {isCopied ? 'copied' : ''}
      </span>
    </button>
  )
}

/** Something with a button that copies it. */
export function Copyable({
  text,
  what,
  children,
}: {
  text: string
  what: string
  children: ComponentChildren
}): JSX.Element {
  return (
    <span class="copyable">
      {children}
      <Copy text={text} what={what} />
    </span>
  )
}

/** Puts a text on the clipboard. Without TLS, browsers offer only the old way, by a selection. */
async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  ;(document.querySelector('dialog[open]') ?? document.body).append(area)
  area.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the clipboard's own interface is there only with TLS.
  document.execCommand('copy')
  area.remove()
}
