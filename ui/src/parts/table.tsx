import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { keepOrder } from '../live/index.ts'
import { type RowWindow, rowsInSight } from './window.ts'

/** A column of a table. */
export interface Column<Row> {
  readonly title: string
  /** As in `grid-template-columns`. */
  readonly width: string
  readonly cell: (row: Row) => ComponentChildren
  /** What the column says, for CSV. */
  readonly text: (row: Row) => string
  readonly isRight?: boolean
  /** False leaves the column out on a phone. */
  readonly isOnPhone?: boolean
  /** The name by which the list can be sorted by this column. */
  readonly sort?: string
}

interface TableProps<Row> {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** What Enter on a row opens, and a click beside the names in it. */
  readonly onOpen?: (row: Row) => void
  /** The present order: a name of a column's `sort`, with a minus in front for the descending one. */
  readonly sort?: string
  readonly onSort?: (sort: string) => void
  /** Called when the end of the rows comes in sight. */
  readonly onEnd?: () => void
  readonly empty: ComponentChildren
  /** Rows in all, when not all have been read yet. */
  readonly total?: number | undefined
}

const rowHeight = 40
const phone = matchMedia('(max-width: 900px)')

/**
 * A list of any length: only rows that can be seen are made. Arrows, Page Up and Down, Home and End move among the rows, Enter opens one.
 * While the pointer or the keyboard is in the list, rows keep their places.
 */
export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const { label, columns, keyOf, onOpen, onEnd, empty, sort, onSort, total } = props
  const body = useRef<HTMLDivElement>(null)
  const [active, setActive] = useState<string>()
  const [isHeld, setHeld] = useState(false)
  const isNarrow = usePhone()
  const rows = useHeldOrder(props.rows, keyOf, isHeld, `${sort ?? ''} ${label}`)
  const { first, end } = useRowWindow(body, rows.length)
  const shown = isNarrow ? columns.filter(({ isOnPhone }) => isOnPhone !== false) : columns
  const template = { gridTemplateColumns: shown.map(({ width }) => width).join(' ') }

  useEffect(() => {
    if (rows.length > 0 && end === rows.length) onEnd?.()
  }, [end, rows.length, onEnd])

  const moveTo = (index: number): void => {
    const place = Math.min(rows.length - 1, Math.max(0, index))
    const row = rows[place]
    if (row === undefined) return
    setActive(keyOf(row))
    showRow(body.current, place)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = rows.findIndex((row) => keyOf(row) === active)
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + 15,
      PageUp: at - 15,
      Home: 0,
      End: rows.length - 1,
    }
    const step = steps[event.key]
    const row = rows[at]
    if (step !== undefined && event.target === event.currentTarget) {
      event.preventDefault()
      moveTo(step)
    } else if (event.key === 'Enter' && row !== undefined && event.target === event.currentTarget) onOpen?.(row)
  }
  return (
    <div
      class="table"
      role="table"
      aria-label={label}
      aria-rowcount={total ?? rows.length}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => {
        setHeld(false)
        setActive(undefined)
      }}
    >
      <div role="rowgroup">
        <div role="row" class="head" style={template}>
          {shown.map((column) => (
            <ColumnHead key={column.title} column={column} sort={sort} onSort={onSort} />
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        ref={body}
        style={{ paddingTop: `${first * rowHeight}px`, paddingBottom: `${(rows.length - end) * rowHeight}px` }}
      >
        {rows.slice(first, end).map((row, index) => {
          const key = keyOf(row)
          return (
            <div
              key={key}
              role="row"
              class={key === active ? 'body active' : 'body'}
              aria-rowindex={first + index + 1}
              style={template}
              onClick={(event) => {
                if (event.target instanceof Element && event.target.closest('a, button, input') === null) onOpen?.(row)
              }}
            >
              {shown.map((column) => (
                <div key={column.title} role="cell" class={column.isRight === true ? 'right' : undefined}>
                  {column.cell(row)}
                </div>
              ))}
            </div>
          )
        })}
      </div>
      {rows.length === 0 && <div class="empty">{empty}</div>}
    </div>
  )
}

interface ColumnHeadProps<Row> {
  readonly column: Column<Row>
  readonly sort: string | undefined
  readonly onSort: ((sort: string) => void) | undefined
}

function ColumnHead<Row>({ column, sort, onSort }: ColumnHeadProps<Row>): JSX.Element {
  const { title, isRight, sort: name } = column
  const style = isRight === true ? 'right' : undefined
  if (name === undefined || onSort === undefined) {
    return (
      <div role="columnheader" class={style}>
        {title}
      </div>
    )
  }
  const order = sort === name ? 'ascending' : sort === `-${name}` ? 'descending' : undefined
  const next = order === undefined ? (isRight === true ? `-${name}` : name) : order === 'ascending' ? `-${name}` : name
  return (
    <div role="columnheader" class={style} aria-sort={order}>
      <button type="button" onClick={() => onSort(next)}>
        {title}
        {order === undefined ? '' : order === 'ascending' ? ' ↑' : ' ↓'}
      </button>
    </div>
  )
}

/** The rows in their order; the one they had before, while the list is held. */
function useHeldOrder<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  isHeld: boolean,
  subject: string,
): readonly Row[] {
  const before = useRef<{ subject: string; keys: readonly string[] }>({ subject, keys: [] })
  const isSame = before.current.subject === subject
  const ordered =
    isHeld && isSame && before.current.keys.length > 0 ? keepOrder(rows, keyOf, before.current.keys) : rows
  before.current = { subject, keys: ordered.map(keyOf) }
  return ordered
}

function useRowWindow(body: { readonly current: HTMLElement | null }, rows: number): RowWindow {
  const [seen, setSeen] = useState<RowWindow>({ first: 0, end: Math.min(rows, 40) })
  useLayoutEffect(() => {
    const look = (): void => {
      const top = body.current?.getBoundingClientRect().top ?? 0
      const next = rowsInSight(rows, rowHeight, top, innerHeight)
      setSeen((before) => (before.first === next.first && before.end === next.end ? before : next))
    }
    look()
    addEventListener('scroll', look, { passive: true })
    addEventListener('resize', look)
    return () => {
      removeEventListener('scroll', look)
      removeEventListener('resize', look)
    }
  }, [rows])
  return { first: Math.min(seen.first, rows), end: Math.min(seen.end, rows) }
}

function showRow(body: HTMLElement | null, place: number): void {
  if (body === null) return
  const top = body.getBoundingClientRect().top + place * rowHeight
  const [upper, lower] = [100, innerHeight - 60]
  if (top < upper) scrollBy({ top: top - upper })
  else if (top > lower) scrollBy({ top: top - lower })
}

function usePhone(): boolean {
  const [isPhone, setPhone] = useState(phone.matches)
  useEffect(() => {
    const look = (): void => setPhone(phone.matches)
    phone.addEventListener('change', look)
    return () => phone.removeEventListener('change', look)
  }, [])
  return isPhone
}
