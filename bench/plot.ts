/** A line of a plot. */
export interface Series {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

/** A diagram: both scales begin at the left and at the bottom, the horizontal one is logarithmic. */
export interface Diagram {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: readonly Series[]
}

const colours = ['#1f6feb', '#d1242f', '#8250df', '#1a7f37', '#9a6700']
const size = { width: 560, height: 340 }
const margin = { left: 64, right: 20, top: 56, bottom: 48 }
const inner = { width: size.width - margin.left - margin.right, height: size.height - margin.top - margin.bottom }

/** Diagrams side by side, as one SVG. */
export function plot(diagrams: readonly Diagram[]): string {
  const panels = diagrams.map(
    (diagram, place) => `<g transform="translate(${place * size.width} 0)">${panel(diagram)}</g>`,
  )
  const width = size.width * diagrams.length
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${size.height}" width="${width}" height="${size.height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${size.height}" fill="#fff"/>`,
    ...panels,
    '</svg>\n',
  ].join('\n')
}

function panel({ title, xLabel, yLabel, series }: Diagram): string {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((left, right) => left - right)
  const top = niceAbove(Math.max(...series.flatMap(({ points }) => points.map(({ y }) => y))))
  // A point at 0 has no place on a logarithmic scale; it stands at the left end.
  const scale = (x: number): number => Math.log(Math.max(x, 1))
  const [first, last] = [scale(xs[0] ?? 1), scale(xs.at(-1) ?? 1)]
  const across = (x: number): number => margin.left + (inner.width * (scale(x) - first)) / (last - first || 1)
  const up = (y: number): number => margin.top + inner.height * (1 - y / top)
  const line = ({ name, points }: Series, place: number): string => {
    const colour = colours[place % colours.length] ?? '#000'
    const corners = points.map(({ x, y }) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`)
    const dots = points.map(
      ({ x, y }) => `<circle cx="${across(x).toFixed(1)}" cy="${up(y).toFixed(1)}" r="3" fill="${colour}"/>`,
    )
    const legend = `<text x="${margin.left + 8 + place * 150}" y="44" fill="${colour}">${escape(name)}</text>`
    return `<polyline points="${corners.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${legend}`
  }
  const rulers = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = up(top * share).toFixed(1)
    const label = `<text x="${margin.left - 6}" y="${y}" dy="4" text-anchor="end">${thousands(top * share)}</text>`
    return `<line x1="${margin.left}" x2="${size.width - margin.right}" y1="${y}" y2="${y}" stroke="#ddd"/>${label}`
  })
  const ticks = xs.map(
    (x) => `<text x="${across(x).toFixed(1)}" y="${size.height - 30}" text-anchor="middle">${thousands(x)}</text>`,
  )
  return [
    `<text x="${margin.left}" y="22" font-size="15">${escape(title)}</text>`,
    ...rulers,
    ...ticks,
    `<text x="${margin.left + inner.width / 2}" y="${size.height - 10}" text-anchor="middle">${escape(xLabel)}</text>`,
    `<text transform="translate(14 ${margin.top + inner.height / 2}) rotate(-90)" text-anchor="middle">${escape(yLabel)}</text>`,
    ...series.map(line),
  ].join('\n')
}

/** The next of 1, 2, 4, 5 and 8 times a power of ten. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power
}

function thousands(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 1 })
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
