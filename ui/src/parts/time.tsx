import type { JSX } from 'preact'
import { now } from '../live/index.ts'
import { printAge, printLocal, printUtc } from '../text/index.ts'

/** How long ago something was; the exact time, local and in UTC, when pointed at. */
export function Age({ at }: { at: string | null | undefined }): JSX.Element {
  const time = timeOf(at)
  if (time === undefined) return <span class="quiet">–</span>
  return (
    <time dateTime={time.toISOString()} title={`${printLocal(time)}\n${printUtc(time)}`}>
      {printAge(time, now.value)}
    </time>
  )
}

/** The exact time, local and in UTC, and how long ago that was. */
export function Moment({ at }: { at: string | null | undefined }): JSX.Element {
  const time = timeOf(at)
  if (time === undefined) return <span class="quiet">unknown</span>
  return (
    <time dateTime={time.toISOString()}>
      {printAge(time, now.value)}
      <br />
      <span class="quiet small number">
        {time.getTimezoneOffset() !== 0 && `${printLocal(time)} · `}
        {printUtc(time)}
      </span>
    </time>
  )
}

function timeOf(text: string | null | undefined): Date | undefined {
  if (text === null || text === undefined) return undefined
  const time = new Date(text)
  return Number.isNaN(time.getTime()) ? undefined : time
}
