import { useEffect, useRef, useState } from 'preact/hooks'
import { type Call, type Outcome, perform, type Problem, token } from '../api/index.ts'
import { isLost, noteLost } from './connection.ts'
import { type WatchedKind, watchOf } from './watches.ts'

/** What a view reads. The last answer stays while the next one is on its way, and when it fails. */
export interface Reading<Data> {
  readonly data: Data | undefined
  readonly problem: Problem | undefined
  /** Reads again. */
  readonly reload: () => void
}

/** At most one read in this time, however much changes. */
const restMs = 900

/**
 * Reads, and reads again when one of the kinds changes, when the token changes, and when the server is back. A new `key` says that something
 * else is read.
 */
export function useReading<Data>(key: string, call: Call<Data>, on: readonly WatchedKind[] = []): Reading<Data> {
  return useOutcome(key, () => perform(call), on)
}

/** Like {@link useReading}, for what takes several calls. `undefined` as the key reads nothing. */
export function useOutcome<Data>(
  key: string | undefined,
  read: () => Promise<Outcome<Data>>,
  on: readonly WatchedKind[] = [],
): Reading<Data> {
  const [state, setState] = useState<{ key: string | undefined; data?: Data; problem?: Problem }>({ key })
  const newest = useRef(read)
  newest.current = read
  const ask = useRef<() => void>(() => undefined)

  useEffect(() => {
    if (key === undefined) return undefined
    let isOver = false
    let isReading = false
    let isStale = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async (): Promise<void> => {
      isReading = true
      isStale = false
      const outcome = await newest.current()
      if (isOver) return
      if (outcome.ok) setState({ key, data: outcome.data })
      else {
        if (outcome.problem.status === 0) noteLost()
        setState((before) => ({ ...(before.key === key ? before : { key }), problem: outcome.problem }))
      }
      timer = setTimeout(() => {
        isReading = false
        if (isStale) void look()
      }, restMs)
    }
    const request = (): void => {
      if (isReading) isStale = true
      else void look()
    }
    ask.current = request
    const endings = on.map((kind) => {
      const watch = watchOf(kind)
      const end = watch.look()
      const before = watch.changes.value
      const unsubscribe = watch.changes.subscribe((changes) => {
        if (changes !== before) request()
      })
      return () => {
        unsubscribe()
        end()
      }
    })
    const stopToken = token.subscribe(request)
    const stopLost = isLost.subscribe((lost) => {
      if (!lost) request()
    })
    return () => {
      isOver = true
      clearTimeout(timer)
      stopToken()
      stopLost()
      for (const end of endings) end()
    }
  }, [key, on.join()])

  const isCurrent = state.key === key
  return {
    data: isCurrent ? state.data : undefined,
    problem: isCurrent ? state.problem : undefined,
    reload: () => ask.current(),
  }
}
