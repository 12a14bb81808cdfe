import { nanosecondsPerSecond, type Now, parseTime } from '../../model/index.ts'

/**
 * Prints the time since `timestamp` (RFC 3339) as kubectl does: `12s`, `5m30s`, `3h20m`, `47h`, `2d`, `3y`. Prints `<unknown>` for a
 * text that is not a timestamp, and `<invalid>` for a time in the future.
 * @see https://pkg.go.dev/k8s.io/apimachinery/pkg/util/duration#HumanDuration
 */
export function ageOf(timestamp: string, now: Now): string {
  const moment = parseTime(timestamp)
  return moment === undefined
    ? '<unknown>'
    : printAge(Number((now.nanoseconds - moment.nanoseconds) / nanosecondsPerSecond))
}

const minute = 60
const hour = 60 * minute
const day = 24 * hour
const year = 365 * day

/** The longer the time, the coarser its unit. */
function printAge(seconds: number): string {
  // The clocks of two machines differ a little.
  if (seconds < -1) return '<invalid>'
  if (seconds < 2 * minute) return `${String(Math.max(seconds, 0))}s`
  if (seconds < 10 * minute) return inTwo(seconds, [minute, 'm'], [1, 's'])
  if (seconds < 3 * hour) return inOne(seconds, [minute, 'm'])
  if (seconds < 8 * hour) return inTwo(seconds, [hour, 'h'], [minute, 'm'])
  if (seconds < 2 * day) return inOne(seconds, [hour, 'h'])
  if (seconds < 8 * day) return inTwo(seconds, [day, 'd'], [hour, 'h'])
  if (seconds < 2 * year) return inOne(seconds, [day, 'd'])
  if (seconds < 8 * year) return inTwo(seconds, [year, 'y'], [day, 'd'])
  return inOne(seconds, [year, 'y'])
}

type Unit = readonly [seconds: number, letter: string]

function inOne(seconds: number, [length, letter]: Unit): string {
  return `${String(Math.floor(seconds / length))}${letter}`
}

function inTwo(seconds: number, large: Unit, small: Unit): string {
  const rest = seconds % large[0]
  return inOne(seconds, large) + (rest < small[0] ? '' : inOne(rest, small))
}
