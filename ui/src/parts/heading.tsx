import type { ComponentChildren, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Copy } from './copy.tsx'

interface HeadingProps {
  /** What kind of thing it is; left out of lists, whose title says it. */
  readonly kind?: string
  readonly title: string
  readonly isName?: boolean
  readonly beside?: ComponentChildren
  readonly children?: ComponentChildren
}

/** The heading of a view: what is shown, and the actions on it. It names the tab of the browser too. */
export function Heading({ kind, title, isName = false, beside, children }: HeadingProps): JSX.Element {
  useEffect(() => {
    document.title = `${title} · ippoold`
  }, [title])
  return (
    <div class="heading">
      <div>
        {kind !== undefined && <span class="kind">{kind}</span>}
        <div class="title">
          <h1>{title}</h1>
          {isName && <Copy text={title} what={title} />}
        </div>
        {beside}
      </div>
      {children !== undefined && <div class="actions">{children}</div>}
    </div>
  )
}

/** A part of a view. */
export function Section({
  title,
  end,
  children,
}: {
  title: string
  end?: ComponentChildren
  children: ComponentChildren
}): JSX.Element {
  return (
    <section class="section">
      <header>
        <h2>{title}</h2>
        {end !== undefined && <div class="end">{end}</div>}
      </header>
      {children}
    </section>
  )
}
