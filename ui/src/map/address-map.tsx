import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { addressCount, bits, type Cidr, formatAddress, formatCidr } from '../../../src/net/index.ts'
import { useOutcome } from '../live/index.ts'
import { Trouble } from '../parts/index.ts'
import { theme } from '../theme/index.ts'
import { type Cell, readCells, settle } from './cells.ts'
import { drawCursor } from './draw.ts'
import { cellsOf, cidrOfCell, gridOf, stepInto, stepOut } from './geometry.ts'
import { cellAt, heightOf, layOut, type Layout, widthOf, xOf, yOf } from './layout.ts'
import { Legend } from './legend.tsx'
import { paletteOf } from './palette.ts'
import { MapPictures } from './pictures.ts'
import { describeCell } from './words.ts'
import { ZoomPath } from './zoom-path.tsx'

interface AddressMapProps {
  /** The outermost range. */
  readonly outermost: Cidr
  /** What is shown of it. */
  readonly shown: Cidr
  readonly onShow: (cidr: Cidr) => void
  readonly onOpenAddress: (address: string) => void
  /** More about an address than its state, such as who holds it. */
  readonly about?: (address: string) => string | undefined
}

interface Cursor {
  readonly column: number
  readonly row: number
}

const zoomMs = 160
const noCells: readonly Cell[] = []

/** Addresses as a picture: an octet is a square of 16 × 16, see docs/ui/README.md. */
export function AddressMap({ outermost, shown, onShow, onOpenAddress, about }: AddressMapProps): JSX.Element {
  const root = formatCidr(shown)
  const grid = useMemo(() => gridOf(shown), [root])
  const { data, problem } = useOutcome(`map ${root}`, () => readCells(grid), [
    'ipamblocks',
    'ippools',
    'ipreservations',
  ])
  const cells = data ?? noCells
  const frame = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width, heightMax } = useRoom(frame)
  const [cursor, setCursor] = useState<Cursor>()
  const ratio = devicePixelRatio
  const layout = useMemo(() => layOut(grid, width * ratio, heightMax * ratio, ratio), [grid, width, heightMax, ratio])
  const byPlace = useMemo(
    () => new Map(cells.map((cell) => [cell.row * grid.columns + cell.column, cell])),
    [data, grid],
  )
  const zoomed = useRef<
    | { readonly picture: HTMLCanvasElement; readonly from: Layout; readonly to: Cidr; readonly start: number }
    | undefined
  >(undefined)
  const palette = paletteOf(theme())
  const pictures = useRef(new MapPictures())

  useEffect(() => setCursor(undefined), [root])
  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext('2d')
    if (element === null || context === null || context === undefined || width === 0) return undefined
    const picture = pictures.current.of(layout, cells, palette, ratio)
    const paint = (): void => {
      context.clearRect(0, 0, element.width, element.height)
      context.drawImage(picture, 0, 0)
      if (cursor !== undefined) drawCursor(context, layout, cursor.column, cursor.row, palette, ratio)
    }
    // A canvas is emptied when it gets a size, even its own.
    if (element.width !== layout.width || element.height !== layout.height) {
      element.width = layout.width
      element.height = layout.height
    }
    const zoom = zoomed.current
    if (zoom === undefined) {
      paint()
      return undefined
    }
    return animate(zoomMs - (performance.now() - zoom.start), (progress) => {
      paint()
      if (progress < 1) drawMagnified(context, zoom, layout, 1 - (1 - progress) ** 2)
      else zoomed.current = undefined
    })
  }, [layout, data, cursor, palette])

  const show = (cidr: Cidr): void => {
    if (formatCidr(cidr) === root) return
    const element = canvas.current
    if (element !== null && !matchMedia('(prefers-reduced-motion: reduce)').matches) {
      const picture = document.createElement('canvas')
      picture.width = element.width
      picture.height = element.height
      picture.getContext('2d')?.drawImage(element, 0, 0)
      zoomed.current = { picture, from: layout, to: cidr, start: performance.now() }
    }
    onShow(cidr)
  }
  const enter = ({ column, row }: Cursor): void => {
    const cidr = cidrOfCell(grid, column, row)
    if (addressCount(cidr) === 1n && layout.square === 1)
      onOpenAddress(formatAddress({ family: cidr.family, value: cidr.base }))
    else if (byPlace.has(row * grid.columns + column)) void settle(stepInto(grid, column, row)).then(show)
    else show(stepInto(grid, column, row))
  }
  const cellOf = (event: MouseEvent): Cursor | undefined => {
    const box = canvas.current?.getBoundingClientRect()
    return box && cellAt(layout, (event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio)
  }
  useWheel(canvas, (event) => {
    const cell = cellOf(event)
    if (event.deltaY > 0) show(stepOut(shown, outermost))
    else if (cell !== undefined && layout.square > 1) show(stepInto(grid, cell.column, cell.row))
  })
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = moved(cursor, event.key, layout)
    if (next !== undefined) setCursor(next)
    else if (event.key === 'Enter' && cursor !== undefined) enter(cursor)
    else if (event.key === 'Backspace' || event.key === '-') show(stepOut(shown, outermost))
    else return
    event.preventDefault()
  }
  const pointed = cursor && cidrOfCell(grid, cursor.column, cursor.row)
  const words =
    cursor &&
    describeCell(cidrOfCell(grid, cursor.column, cursor.row), byPlace.get(cursor.row * grid.columns + cursor.column))
  const more =
    pointed && addressCount(pointed) === 1n
      ? about?.(formatAddress({ family: pointed.family, value: pointed.base }))
      : undefined
  return (
    <div class="map">
      <div class="map-head">
        {outermost.prefixLength < bits(outermost.family) - 8 && (
          <ZoomPath outermost={outermost} shown={shown} onShow={show} />
        )}
        <p class="map-words number" role="status">
          {words ?? <span class="quiet">Point at the map, or move on it with the arrows.</span>}
          {more !== undefined && <span class="quiet">, {more}</span>}
        </p>
      </div>
      <Trouble problem={problem} />
      <div
        ref={frame}
        class="map-frame"
        role="application"
        aria-roledescription="address map"
        aria-label={`Map of ${root}. Arrows move, Enter shows more of a range, Backspace goes back.`}
        tabIndex={0}
        onKeyDown={onKeyDown}
        data-cells={data === undefined ? undefined : cells.length}
      >
        <canvas
          ref={canvas}
          style={{ width: `${layout.width / ratio}px`, height: `${layout.height / ratio}px` }}
          onPointerMove={(event) => setCursor((before) => sameOr(before, cellOf(event)))}
          onPointerLeave={() => setCursor(undefined)}
          onClick={(event) => {
            const cell = cellOf(event)
            if (cell !== undefined) enter(cell)
          }}
        />
      </div>
      <div class="map-foot">
        <Legend ofAddresses={addressCount(cidrOfCell(grid, 0, 0)) === 1n} />
      </div>
    </div>
  )
}

function sameOr(before: Cursor | undefined, next: Cursor | undefined): Cursor | undefined {
  return before?.column === next?.column && before?.row === next?.row ? before : next
}

/** The cell to which a key leads. In small cells the steps are whole octet squares, with Shift or without. */
function moved(cursor: Cursor | undefined, key: string, { grid, square }: Layout): Cursor | undefined {
  const steps: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
    PageUp: [0, -square],
    PageDown: [0, square],
    Home: [-square, 0],
    End: [square, 0],
  }
  const step = steps[key]
  if (step === undefined) return undefined
  if (cursor === undefined) return { column: 0, row: 0 }
  const within = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value))
  return { column: within(cursor.column + step[0], grid.columns), row: within(cursor.row + step[1], grid.rows) }
}

/** The room for the map: the width of its frame, and most of the height of the screen. */
function useRoom(frame: { readonly current: HTMLElement | null }): {
  readonly width: number
  readonly heightMax: number
} {
  const [room, setRoom] = useState({ width: 0, heightMax: 600 })
  useEffect(() => {
    const element = frame.current
    if (element === null) return undefined
    const look = (): void =>
      setRoom({ width: element.clientWidth, heightMax: Math.max(480, Math.min(1600, innerHeight - 130)) })
    const observer = new ResizeObserver(look)
    observer.observe(element)
    look()
    return () => observer.disconnect()
  }, [])
  return room
}

/** One step for one turn of the wheel, and none for what a trackpad sends after it. Only with Ctrl or Alt: without, the page scrolls. */
function useWheel(canvas: { readonly current: HTMLElement | null }, act: (event: WheelEvent) => void): void {
  const newest = useRef(act)
  newest.current = act
  useEffect(() => {
    const element = canvas.current
    let last = 0
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.altKey && !event.metaKey) return
      event.preventDefault()
      if (event.timeStamp - last > 250) newest.current(event)
      last = event.timeStamp
    }
    element?.addEventListener('wheel', onWheel, { passive: false })
    return () => element?.removeEventListener('wheel', onWheel)
  }, [])
}

function animate(ms: number, draw: (progress: number) => void): () => void {
  const start = performance.now()
  let frame = 0
  const step = (): void => {
    const progress = ms <= 0 ? 1 : Math.min(1, (performance.now() - start) / ms)
    draw(progress)
    if (progress < 1) frame = requestAnimationFrame(step)
  }
  step()
  return () => cancelAnimationFrame(frame)
}

/** The picture before a step nearer, magnified on its way to where the new one is. A step back has no picture of what is around. */
function drawMagnified(
  context: CanvasRenderingContext2D,
  { picture, from, to }: { readonly picture: HTMLCanvasElement; readonly from: Layout; readonly to: Cidr },
  layout: Layout,
  progress: number,
): void {
  const part = cellsOf(from.grid, to)
  if (part === undefined || to.prefixLength <= from.grid.root.prefixLength) return
  const [x, y] = [xOf(from, part.column), yOf(from, part.row)]
  const [width, height] = [widthOf(from, part.column, part.columns), heightOf(from, part.row, part.rows)]
  const between = (start: number, end: number): number => start + (end - start) * progress
  context.save()
  context.globalAlpha = 1 - progress * 0.8
  context.drawImage(
    picture,
    ...[x, y, width, height],
    between(x, layout.left),
    between(y, layout.top),
    between(width, layout.width - layout.left),
    between(height, layout.height - layout.top),
  )
  context.restore()
}
