import type { Test } from 'tap'
import { Client, type Dispatcher } from 'undici'
import { until } from './until.ts'

/** One event of a watch. */
export interface WatchEvent {
  readonly type: string
  readonly object: {
    readonly kind: string
    readonly code?: number
    readonly reason?: string
    readonly metadata: {
      readonly name: string
      readonly resourceVersion: string
      readonly labels?: Readonly<Record<string, string>>
      readonly annotations?: Readonly<Record<string, string>>
      readonly generation?: number
    }
    readonly [member: string]: unknown
  }
}

/** A client that watches. It ends with the test. */
export interface Watcher {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  /** The events received so far. */
  readonly events: readonly WatchEvent[]
  /** `type name` of the events received so far. */
  summary(): readonly string[]
  /** Waits until there are so many events, and gives the last of them. */
  has(count: number): Promise<WatchEvent>
  /** Resolves when the response has ended: true if it ended properly. */
  readonly ended: Promise<boolean>
  stop(): void
}

/** Opens a watch, and resolves when its answer begins. */
export async function watch(
  t: Test,
  url: string,
  path: string,
  accept = 'application/json',
  authorization?: string,
): Promise<Watcher> {
  const client = new Client(url, { bodyTimeout: 0 })
  const stop = (): void => void client.destroy().catch(() => undefined)
  t.teardown(stop)
  const { statusCode, headers, body } = await client.request({
    method: 'GET',
    path,
    headers: { accept, ...(authorization !== undefined && { authorization }) },
  })
  const events: WatchEvent[] = []
  const read = async (): Promise<boolean> => {
    let rest = ''
    try {
      for await (const chunk of body.setEncoding('utf8')) {
        const lines = `${rest}${String(chunk)}`.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) events.push(JSON.parse(line) as WatchEvent)
      }
      return rest === ''
    } catch {
      return false
    }
  }
  const ended = read()
  return {
    status: statusCode,
    headers,
    events,
    summary: () => events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    has: (count) => until(`${String(count)} events`, () => events[count - 1]),
    ended,
    stop,
  }
}
