import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Call, curlOf } from '../api/index.ts'
import { printCsv } from '../text/index.ts'
import { Copy } from './copy.tsx'
import { Dialog } from './dialog.tsx'
import type { Column } from './table.tsx'

/** What is shown, in forms for programs. */
export interface Shown {
  /** True where there is little room: the menu's button is three dots. */
  readonly isSmall?: boolean
  /** What the calls are for, and the calls. */
  readonly calls: readonly (readonly [what: string, call: Call<unknown>])[]
  /** The rows that are shown, with the name of the file to save them in. */
  readonly table?: {
    readonly name: string
    readonly header: readonly string[]
    readonly rows: () => readonly (readonly string[])[]
    readonly json: () => unknown
  }
}

/** A menu: show the view as curl, save it as CSV or JSON. */
export function ShowAs({ calls, table, isSmall = false }: Shown): JSX.Element {
  const [isOpen, setOpen] = useState(false)
  const [isCurl, setCurl] = useState(false)
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!isOpen) return undefined
    const close = (event: Event): void => {
      if (event.target instanceof Node && element.current?.contains(event.target) !== true) setOpen(false)
    }
    addEventListener('pointerdown', close)
    addEventListener('focusin', close)
    return () => {
      removeEventListener('pointerdown', close)
      removeEventListener('focusin', close)
    }
  }, [isOpen])
  const choose = (act: () => void) => () => {
    setOpen(false)
    act()
  }
  return (
    <div
      class="menu"
      ref={element}
      onKeyDown={(event) => {
        if (event.key === 'Escape') setOpen(false)
      }}
    >
      <button
        type="button"
        class="button plain"
        aria-label="Show as"
        title="Show as curl, CSV or JSON"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {isSmall ? '⋯' : 'Show as …'}
      </button>
      {isOpen && (
        <div>
          <button type="button" onClick={choose(() => setCurl(true))}>
            Show as curl
          </button>
          {table !== undefined && (
            <>
              <button
                type="button"
                onClick={choose(() => save(`${table.name}.csv`, 'text/csv', printCsv(table.header, table.rows())))}
              >
                Save as CSV
              </button>
              <button
                type="button"
                onClick={choose(() =>
                  save(`${table.name}.json`, 'application/json', `${JSON.stringify(table.json(), null, 2)}\n`),
                )}
              >
                Save as JSON
              </button>
            </>
          )}
        </div>
      )}
      {isCurl && (
        <Dialog title="As curl" onClose={() => setCurl(false)}>
          {calls.map(([what, call]) => (
            <Curl key={what} what={what} call={call} />
          ))}
        </Dialog>
      )}
    </div>
  )
}

/** The rows of a table, to be saved. */
export function tableOf<Row>(
  name: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): NonNullable<Shown['table']> {
  return {
    name,
    header: columns.map(({ title }) => title),
    rows: () => rows.map((row) => columns.map(({ text }) => text(row))),
    json: () => rows,
  }
}

/** A call as a command line, with a button that copies it. */
export function Curl({ what, call }: { what: string; call: Call<unknown> }): JSX.Element {
  const [line, setLine] = useState('')
  useEffect(() => {
    void curlOf(call).then(setLine)
  }, [call])
  return (
    <div class="field">
      <span class="label">
        {what} <Copy text={line} what={`the command: ${what}`} />
      </span>
      <pre class="code-block" tabIndex={0}>
        {line}
      </pre>
    </div>
  )
}

/** Offers a text as a file. */
function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
