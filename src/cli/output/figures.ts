import type { Style, Tone } from './table.ts'

/** Shows a part of 100 as a bar of `width` characters and the number. What is not nothing, and what is not all, shows. */
export function printBar(percent: number, { isUnicode }: Pick<Style, 'isUnicode'>, width = 20): string {
  const part = Math.min(Math.max(percent, 0), 100) / 100
  return `${isUnicode ? fineBar(part, width) : coarseBar(part, width)} ${printPercent(percent).padStart(4)}`
}

/** Of eighths of a character, so that a small pool that fills shows at each address. */
function fineBar(part: number, width: number): string {
  const eighths = ends(part, width * 8)
  const last = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? ''
  return `▕${('█'.repeat(Math.floor(eighths / 8)) + last).padEnd(width)}▏`
}

function coarseBar(part: number, width: number): string {
  return `[${'#'.repeat(ends(part, width)).padEnd(width, '.')}]`
}

/** The nearest whole number of `steps`; the first and the last only for nothing and all. */
function ends(part: number, steps: number): number {
  if (part === 0) return 0
  return part === 1 ? steps : Math.min(Math.max(Math.round(part * steps), 1), steps - 1)
}

/** Without decimals, except below 1 and above 99, where they tell something from nothing and much from all. */
export function printPercent(percent: number): string {
  if (percent > 0 && percent < 1) return percent < 0.1 ? '<.1%' : `${percent.toFixed(1)}%`.replace('1.0', '1')
  if (percent > 99 && percent < 100) return '>99%'
  return `${Math.round(percent)}%`
}

/** How worrying it is that so much of a pool is used. */
export function toneOfUse(percent: number): Tone {
  if (percent >= 90) return 'bad'
  return percent >= 75 ? 'warning' : 'good'
}

/** Groups the digits of a whole number by thousands. Beyond 15 digits it prints a power of ten: so many digits cannot be read. */
export function printCount(digits: string): string {
  if (digits.replace('-', '').length <= 15) return digits.replaceAll(/\B(?=(\d{3})+$)/g, ',')
  return `${digits.slice(0, 1)}.${digits.slice(1, 3)}e${digits.length - 1}`
}

const units = [
  ['y', 365 * 86_400],
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const

/** How long ago a time is, as kubectl shows it: `42s`, `5m`, `3h`, `12d`, `2y`. */
export function printAge(time: string | null | undefined, now: Date): string {
  if (time === null || time === undefined) return '-'
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(time)) / 1000))
  // Two of a unit at least: 90 s says more than 1 m. Days go up to two years.
  const [unit, size] = units.find(([, size]) => seconds >= 2 * size) ?? ['s', 1]
  return Number.isNaN(seconds) ? visibleTime(time) : `${Math.floor(seconds / size)}${unit}`
}

function visibleTime(time: string): string {
  return time
}

/** Reads a length of time such as `90d`, `12h`, `30m` or `10s`, in seconds; undefined if it is none. */
export function readDuration(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d{1,9})([ydhms])$/.exec(text) ?? []
  const size = units.find(([name]) => name === unit)?.[1]
  return size === undefined ? undefined : Number(number) * size
}
