import { signal } from '@preact/signals'
import { parseRoute, printRoute, type Route } from './routes.ts'

/** What the page shows. It follows the address of the page. */
export const route = signal<Route>(parseRoute(location.hash))

/** Begins to follow the address of the page. */
export function followLocation(): void {
  const follow = (): void => {
    route.value = parseRoute(location.hash)
  }
  addEventListener('hashchange', follow)
  // Signing in may have changed the address without that event.
  follow()
}

/** Shows something else. With `replace`, the button "back" does not come to what was shown. */
export function go(to: Route, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, '', printRoute(to))
    route.value = to
  } else location.hash = printRoute(to)
}
