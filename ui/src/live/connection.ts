import { computed, signal } from '@preact/signals'
import { readProblem, send, serverUrl } from '../api/index.ts'

/** A check of the server's own readiness that fails. */
export interface FailedCheck {
  readonly name: string
  readonly message: string
}

/** How the server is: it answers, it answers that something is wrong, or it does not answer. */
export type Connection =
  | { readonly state: 'connected' }
  | { readonly state: 'unwell'; readonly checks: readonly FailedCheck[] }
  | { readonly state: 'lost'; readonly since: Date }

/** How the server was when it was last asked. */
export const connection = signal<Connection>({ state: 'connected' })

/** True while no answer comes. */
export const isLost = computed(() => connection.value.state === 'lost')

const intervalMs = 5_000
const lostIntervalMs = 1_000
const answerMs = 4_000

/** Asks the server every few seconds how it is, as long as the page is visible. */
export function followHealth(): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const look = async (): Promise<void> => {
    clearTimeout(timer)
    if (document.visibilityState === 'visible') connection.value = await ask()
    timer = setTimeout(() => void look(), isLost.value ? lostIntervalMs : intervalMs)
  }
  document.addEventListener('visibilitychange', () => void look())
  void look()
}

/** Tells that a call got no answer, so that the next look at the server is not waited for. */
export function noteLost(): void {
  if (!isLost.value) connection.value = { state: 'lost', since: new Date() }
}

async function ask(): Promise<Connection> {
  try {
    const response = await send(new Request(`${serverUrl}/readyz`, { signal: AbortSignal.timeout(answerMs) }))
    if (response.ok) return { state: 'connected' }
    const { causes, message } = readProblem(response.status, await response.json())
    const checks = causes.map(({ field, message }) => ({ name: field, message }))
    return { state: 'unwell', checks: checks.length > 0 ? checks : [{ name: 'server', message }] }
  } catch {
    return connection.value.state === 'lost' ? connection.value : { state: 'lost', since: new Date() }
  }
}
