import type { JSX } from 'preact'

const shownMax = 24

/** Addresses in a row; of many, the first ones and how many follow. */
export function AddressTexts({ addresses }: { addresses: readonly string[] }): JSX.Element | null {
  if (addresses.length === 0) return null
  const shown = addresses.slice(0, shownMax)
  return (
    <p class="mono address-texts">
      {shown.map((address) => (
        <span key={address}>{address}</span>
      ))}
      {addresses.length > shownMax && <span>and {addresses.length - shownMax} more</span>}
    </p>
  )
}
