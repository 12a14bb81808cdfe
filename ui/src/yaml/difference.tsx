import type { JSX } from 'preact'
import { diffLines } from '../text/index.ts'

const signs = { same: ' ', removed: '-', added: '+' } as const

/** How one text becomes another, line by line. */
export function Difference({ before, after, label }: { before: string; after: string; label: string }): JSX.Element {
  return (
    <div class="diff" role="region" aria-label={label} tabIndex={0}>
      {diffLines(before, after).map(({ kind, text }, index) => (
        <span key={index} class={kind}>
          {signs[kind]} {text}
        </span>
      ))}
    </div>
  )
}
