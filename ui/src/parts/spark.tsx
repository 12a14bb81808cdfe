import type { JSX } from 'preact'

/** A figure at a time. */
export interface TrendPoint {
  readonly at: number
  readonly value: number
}

const [width, height, margin] = [96, 24, 2]

/** A small line of how a figure went. It begins at the least value, not at nothing: the trend is what it is for. */
export function Spark({ points, label }: { points: readonly TrendPoint[]; label: string }): JSX.Element | null {
  if (points.length < 2) return null
  const isFlat = points.every(({ value }) => value === points[0]?.value)
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <path
        d={sparkPath(points)}
        fill="none"
        stroke={isFlat ? 'var(--line-strong)' : 'var(--in-use)'}
        stroke-width="1.5"
        stroke-linejoin="round"
      />
    </svg>
  )
}

/** The line as a path of SVG. A figure that does not change lies in the middle. */
function sparkPath(points: readonly TrendPoint[]): string {
  const [times, values] = [points.map(({ at }) => at), points.map(({ value }) => value)]
  const [start, end] = [Math.min(...times), Math.max(...times)]
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return points
    .map(({ at, value }, index) => {
      const x = margin + ((at - start) / Math.max(1, end - start)) * (width - 2 * margin)
      const y =
        most === least ? height / 2 : height - margin - ((value - least) / (most - least)) * (height - 2 * margin)
      return `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`
    })
    .join('')
}
