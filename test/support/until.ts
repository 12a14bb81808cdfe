import { setTimeout as pause } from 'node:timers/promises'

/** Calls `look` until it returns a value, and returns that. Throws after `deadlineMs`, with the name of what it waited for. */
export async function until<Found>(
  what: string,
  look: () => Found | undefined | Promise<Found | undefined>,
  deadlineMs = 20_000,
): Promise<Found> {
  const deadline = Date.now() + deadlineMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${deadlineMs} ms: ${what}.`)
    await pause(20)
  }
}
