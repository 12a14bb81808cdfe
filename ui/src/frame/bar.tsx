import type { JSX } from 'preact'
import { caller, isSignInNeeded, signOut, token } from '../api/index.ts'
import { connection } from '../live/index.ts'
import { Link } from '../parts/index.ts'
import { type Route, route } from '../router/index.ts'
import { SearchBox } from '../search/index.ts'
import { switchTheme, theme } from '../theme/index.ts'

/** The views of the menu. Each covers the views of the objects that it lists. */
const entries: readonly { readonly title: string; readonly to: Route; readonly covers: readonly Route['view'][] }[] = [
  { title: 'Pools', to: { view: 'pools' }, covers: ['pools', 'pool', 'new-pool', 'edit-pool', 'block'] },
  { title: 'Addresses', to: { view: 'addresses' }, covers: ['addresses', 'address', 'handle'] },
  { title: 'Nodes', to: { view: 'nodes' }, covers: ['nodes', 'node'] },
  { title: 'Reservations', to: { view: 'reservations' }, covers: ['reservations'] },
  { title: 'Check', to: { view: 'check' }, covers: ['check'] },
  { title: 'Try', to: { view: 'try-assign' }, covers: ['try-assign', 'try-selector'] },
]

/** The bar on top of every view. */
export function Bar(): JSX.Element {
  return (
    <header class="bar">
      <Link to={{ view: 'pools' }} class="mark" aria-label="ippoold">
        <img src="./mark.svg" alt="" width={22} height={22} />
        <span>ippoold</span>
      </Link>
      <nav aria-label="Views">
        {entries.map(({ title, to, covers }) => (
          <Link key={title} to={to} {...(covers.includes(route.value.view) && { 'aria-current': 'page' as const })}>
            {title}
          </Link>
        ))}
      </nav>
      <div class="end">
        <SearchBox />
        <ConnectionState />
        <button
          type="button"
          class="button plain"
          onClick={switchTheme}
          aria-label={`Switch to ${theme() === 'dark' ? 'light' : 'dark'}`}
        >
          <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
            <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.5" />
            <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" />
          </svg>
        </button>
        {token.value !== undefined && !isSignInNeeded.value && (
          <button type="button" class="button plain" onClick={() => signOut()} title={caller.value?.name}>
            Sign out
          </button>
        )}
      </div>
    </header>
  )
}

function ConnectionState(): JSX.Element {
  const { state } = connection.value
  const words = { connected: 'Live', unwell: 'Trouble', lost: 'No connection' } as const
  return (
    <span
      class="state"
      data-state={state}
      role="status"
      title={state === 'connected' ? 'Changes are shown as they happen' : undefined}
    >
      {words[state]}
    </span>
  )
}

/** Says what is wrong with the server, below the bar. */
export function ConnectionNote(): JSX.Element | null {
  const now = connection.value
  if (now.state === 'connected') return null
  return (
    <div class="lost-note" role="alert">
      {now.state === 'lost' ? (
        <>
          No connection to the server. What is shown is from {now.since.toLocaleTimeString()}; the page tries again by
          itself.
        </>
      ) : (
        <>The server is not ready: {now.checks.map(({ name, message }) => `${name} ${message}`).join('; ')}.</>
      )}
    </div>
  )
}
