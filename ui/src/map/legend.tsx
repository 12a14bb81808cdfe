import type { JSX } from 'preact'
import { theme } from '../theme/index.ts'
import { paletteOf, stepLimits } from './palette.ts'

/** What the colours mean. */
export function Legend({ ofAddresses }: { ofAddresses: boolean }): JSX.Element {
  if (ofAddresses) {
    return (
      <ul class="legend">
        {(['in-use', 'cooling', 'reserved', 'free'] as const).map((state) => (
          <li key={state}>
            <span class={`swatch ${state}`} aria-hidden="true" />
            {state === 'in-use' ? 'in use' : state}
          </li>
        ))}
      </ul>
    )
  }
  const { ramp } = paletteOf(theme())
  return (
    <ul class="legend ramp" aria-label="Share in use">
      <li>in use, up to</li>
      {stepLimits.map((limit, index) => (
        <li key={limit}>
          <span class="swatch" style={{ background: ramp[index] }} aria-hidden="true" />
          {limit * 100} %
        </li>
      ))}
    </ul>
  )
}
