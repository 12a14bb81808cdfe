import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { isSignInNeeded } from '../api/index.ts'
import { printRoute, route } from '../router/index.ts'
import { View } from '../views/index.ts'
import { Bar, ConnectionNote } from './bar.tsx'
import { Boundary } from './boundary.tsx'
import { SignIn } from './sign-in.tsx'

/** The page: the bar, and the view that its address names. */
export function App(): JSX.Element {
  const main = useRef<HTMLElement>(null)
  const { view } = route.value
  const subject = printRoute(route.value).replace(/\?.*$/, '')
  useEffect(() => {
    scrollTo(0, 0)
    // After a change of the view, the keyboard goes on in it, and screen readers tell of it.
    if (main.current?.contains(document.activeElement) !== true) main.current?.focus({ preventScroll: true })
  }, [subject])
  if (isSignInNeeded.value) return <SignIn />
  return (
    <>
      <Bar />
      <ConnectionNote />
      <main ref={main} tabIndex={-1} data-view={view}>
        <Boundary key={subject}>
          <View route={route.value} />
        </Boundary>
      </main>
    </>
  )
}
