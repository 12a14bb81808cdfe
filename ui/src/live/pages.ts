import { useCallback, useRef, useState } from 'preact/hooks'
import { type Call, type Outcome, perform, type Problem } from '../api/index.ts'
import { useOutcome } from './reading.ts'
import type { WatchedKind } from './watches.ts'

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[]
  /** Sent to get the next page; null on the last one. */
  readonly next: string | null
  /** Items on all pages, if the server knows. */
  readonly total: number | undefined
}

/** The pages of a list that have been read so far. */
export interface PagedReading<Item> {
  readonly items: readonly Item[]
  readonly total: number | undefined
  readonly isComplete: boolean
  /** True before the first answer. */
  readonly isAwaited: boolean
  readonly problem: Problem | undefined
  /** Reads the next page, unless all have been read. */
  readonly readOn: () => void
  readonly reload: () => void
}

/** After a change, no more than so many pages are read again; those after them come back when one scrolls to them. */
const renewedMax = 5

/** Reads a list page by page, and reads again what is shown when one of the kinds changes. */
export function usePages<Answer, Item>(
  key: string,
  call: (next: string | undefined) => Call<Answer>,
  pageOf: (answer: Answer) => Page<Item>,
  on: readonly WatchedKind[] = [],
): PagedReading<Item> {
  const pageCount = useRef({ key, count: 1 })
  if (pageCount.current.key !== key) pageCount.current = { key, count: 1 }
  const isReadingOn = useRef(false)
  const [extra, setExtra] = useState<{ after: readonly Page<Item>[]; page: Page<Item> }[]>([])

  const read = async (): Promise<Outcome<readonly Page<Item>[]>> => {
    const pages: Page<Item>[] = []
    pageCount.current.count = Math.min(pageCount.current.count, renewedMax)
    let next: string | undefined
    do {
      const outcome = await perform(call(next))
      if (!outcome.ok) return outcome
      const page = pageOf(outcome.data)
      pages.push(page)
      next = page.next ?? undefined
    } while (next !== undefined && pages.length < pageCount.current.count)
    return { ok: true, data: pages }
  }
  const { data: pages, problem, reload } = useOutcome(key, read, on)
  // Pages that were read on belong to the reading that they follow; a newer reading has its own.
  const followers = extra.filter(({ after }) => after === pages).map(({ page }) => page)
  const all = [...(pages ?? []), ...followers]
  const last = all.at(-1)

  const readOn = useCallback(() => {
    const next = last?.next
    if (pages === undefined || next === undefined || next === null || isReadingOn.current) return
    isReadingOn.current = true
    void perform(call(next)).then((outcome) => {
      isReadingOn.current = false
      if (!outcome.ok) return
      pageCount.current.count += 1
      setExtra((before) => [
        ...before.filter(({ after }) => after === pages),
        { after: pages, page: pageOf(outcome.data) },
      ])
    })
  }, [pages, last])
  return {
    items: all.flatMap(({ items }) => items),
    total: last?.total,
    isComplete: last?.next === null,
    isAwaited: pages === undefined && problem === undefined,
    problem,
    readOn,
    reload,
  }
}
