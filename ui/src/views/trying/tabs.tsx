import type { JSX } from 'preact'
import { Link } from '../../parts/index.ts'

/** The two things that can be tried. */
export function TryTabs({ at }: { at: 'assign' | 'selector' }): JSX.Element {
  return (
    <nav class="tabs" aria-label="Try">
      <Link to={{ view: 'try-assign' }} {...(at === 'assign' && { 'aria-current': 'page' as const })}>
        An assign
      </Link>
      <Link to={{ view: 'try-selector' }} {...(at === 'selector' && { 'aria-current': 'page' as const })}>
        A selector
      </Link>
    </nav>
  )
}
