import { useEffect, useRef, useState } from 'preact/hooks'
import type { Problem } from '../../api/index.ts'
import { type ReportEnd, readReport } from './report.ts'

/** A report on its way. */
export interface ReportState<Entry> {
  readonly entries: readonly Entry[]
  readonly isRunning: boolean
  readonly end: ReportEnd | undefined
  readonly problem: Problem | undefined
  readonly start: (request: (signal: AbortSignal) => Request) => void
}

interface Progress<Entry> {
  readonly entries: readonly Entry[]
  readonly isRunning: boolean
  readonly end?: ReportEnd
  readonly problem?: Problem
}

/** Entries that arrive together are shown together. */
const showMs = 100

/** Reads a report, and shows its entries as they come. */
export function useReport<Entry>(isEntry: (value: unknown) => value is Entry): ReportState<Entry> {
  const [progress, setProgress] = useState<Progress<Entry>>({ entries: [], isRunning: false })
  const abort = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => abort.current?.abort(), [])

  const run = async (request: (signal: AbortSignal) => Request, signal: AbortSignal): Promise<void> => {
    const entries: Entry[] = []
    const timer = setInterval(() => setProgress({ entries: [...entries], isRunning: true }), showMs)
    setProgress({ entries: [], isRunning: true })
    try {
      const report = await readReport(request(signal), isEntry, (entry) => entries.push(entry))
      setProgress({ entries, isRunning: false, ...(report.ok ? { end: report.end } : { problem: report.problem }) })
    } catch {
      if (!signal.aborted)
        setProgress({ entries, isRunning: false, end: { revision: '', problem: 'The connection was lost.' } })
    } finally {
      clearInterval(timer)
    }
  }
  const start = (request: (signal: AbortSignal) => Request): void => {
    abort.current?.abort()
    abort.current = new AbortController()
    void run(request, abort.current.signal)
  }
  return { end: undefined, problem: undefined, ...progress, start }
}
