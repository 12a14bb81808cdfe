import { signal } from '@preact/signals'

/** The time, to the second half of a minute: ages need no more. */
export const now = signal(new Date())

const intervalMs = 15_000

/** Lets {@link now} go on. */
export function followClock(): void {
  setInterval(() => {
    now.value = new Date()
  }, intervalMs)
}
