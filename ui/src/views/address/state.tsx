import type { JSX } from 'preact'
import type { Call, Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'

/** What an address that nobody holds is, by the letter that the map has for it. */
const statesInWords: Readonly<Record<string, string>> = {
  a: 'It is available.',
  c: 'It was released a short while ago, and is cooling down: it is not assigned yet.',
  r: 'It is reserved: only a request that names it gets it.',
  C: 'It was released a short while ago, and is cooling down. It is also reserved: only a request that names it gets it.',
  '-': 'It lies in no pool.',
}

/** Says why nobody holds an address, as far as the stored data tell. */
export function FreeState({ address }: { address: string }): JSX.Element {
  const cidr = `${address}/${address.includes(':') ? 128 : 32}`
  const call: Call<Schemas['AddressStates']> = (api) =>
    api.GET('/ipam/v1/map/addresses', { params: { query: { cidr } } })
  const { data } = useReading(`state of ${address}`, call, ['ipamblocks', 'ippools', 'ipreservations'])
  return (
    <>
      <p class="note">Nobody holds this address. {data !== undefined && statesInWords[data.states]}</p>
      <Forgotten />
    </>
  )
}

/** Says what is not known of the past. */
export function Forgotten(): JSX.Element {
  return (
    <p class="forgotten quiet small">
      Nothing is stored about earlier holders of the address. If servers keep audit logs, those tell who assigned and
      released it.
    </p>
  )
}
