/** A point in time: nanoseconds since 1970-01-01T00:00:00Z. */
export interface Now {
  readonly nanoseconds: bigint
}

/** The number of nanoseconds in a second. */
export const nanosecondsPerSecond = 1_000_000_000n

/** Prints a time as Calico stores it: RFC 3339, UTC, rounded down to whole seconds. For the years 0 to 9999. */
export function formatTime(now: Now): string {
  const milliseconds = Number(now.nanoseconds / 1_000_000n)
  return `${new Date(milliseconds).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}Z`
}

/** Prints a time as Kubernetes' `MicroTime`: RFC 3339, UTC, rounded down to microseconds. For the years 0 to 9999. */
export function formatMicroTime({ nanoseconds }: Now): string {
  const milliseconds = Number(nanoseconds / 1_000_000n)
  const micros = String(Number((nanoseconds / 1_000n) % 1_000n)).padStart(3, '0')
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${micros}Z`
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d{2}):(\d{2}))$/

/** Parses an RFC 3339 time as Go does, without leap seconds; undefined if `text` is none. */
export function parseTime(text: string): Now | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const part = (index: number): number => Number(match[index] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)]
  const [offsetHours, offsetMinutes] = [part(9), part(10)]
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const offsetSeconds = (offsetHours * 3600 + offsetMinutes * 60) * (match[8] === '-' ? -1 : 1)
  const seconds = BigInt(date.getTime() / 1000 - offsetSeconds)
  return { nanoseconds: seconds * nanosecondsPerSecond + BigInt((match[7] ?? '').padEnd(9, '0')) }
}

const goTime = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?) ([+-]\d{2})(\d{2})(?: .*)?$/

/** Parses a time as Go's `Time.String` prints it, as Calico stores in the attribute `timestamp`; undefined if `text` is none. */
export function parseGoTime(text: string): Now | undefined {
  const [, date, time, hours, minutes] = goTime.exec(text) ?? []
  return date === undefined || time === undefined ? undefined : parseTime(`${date}T${time}${hours}:${minutes}`)
}
