import type { ComponentType, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

/** A component that is loaded when it is first shown. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): (props: Props) => JSX.Element {
  let loaded: ComponentType<Props> | undefined
  return function Lazy(props: Props): JSX.Element {
    const [Component, setComponent] = useState<{ readonly of: ComponentType<Props> } | undefined>(
      loaded && { of: loaded },
    )
    const [hasFailed, setFailed] = useState(false)
    useEffect(() => {
      if (loaded !== undefined) return
      load().then(
        (component) => {
          loaded = component
          setComponent({ of: component })
        },
        () => setFailed(true),
      )
    }, [])
    if (hasFailed)
      return (
        <p class="note trouble">
          This part of the page could not be loaded. The server may have been updated: reload the page.
        </p>
      )
    return Component === undefined ? <p class="quiet">Loading …</p> : <Component.of {...props} />
  }
}
