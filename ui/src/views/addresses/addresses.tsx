import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { may } from '../../api/index.ts'
import { AssignDialog } from '../../actions/index.ts'
import { AddressList, Heading } from '../../parts/index.ts'
import { type AddressFilter, go } from '../../router/index.ts'

const typingMs = 250

/** All addresses that are held, or those that have a text in them. */
export function AddressesView({ filter }: { filter: AddressFilter }): JSX.Element {
  const [text, setText] = useState(filter.q ?? '')
  const [isAssigning, setAssigning] = useState(false)
  useEffect(() => setText(filter.q ?? ''), [filter.q])
  useEffect(() => {
    if (text === (filter.q ?? '')) return undefined
    const { q: _, ...rest } = filter
    const timer = setTimeout(
      () => go({ view: 'addresses', ...rest, ...(text !== '' && { q: text }) }, { replace: true }),
      typingMs,
    )
    return () => clearTimeout(timer)
  }, [text])
  const narrowed = (['pool', 'node', 'cidr', 'attribute'] as const).filter((name) => filter[name] !== undefined)
  return (
    <>
      <Heading title="Addresses">
        {may('assign', 'addresses') && (
          <button type="button" class="button main" onClick={() => setAssigning(true)}>
            Assign addresses
          </button>
        )}
      </Heading>
      <div class="filters">
        <input
          class="filter"
          type="search"
          aria-label="Text in the address, the handle, the node or an attribute"
          placeholder="Text in the address, the handle, the node or an attribute"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {narrowed.map((name) => (
          <button
            key={name}
            type="button"
            class="button"
            aria-label={`Without the filter ${name} ${filter[name] ?? ''}`}
            onClick={() => {
              const { [name]: _, ...rest } = filter
              go({ view: 'addresses', ...rest })
            }}
          >
            {name} <span class="mono">{filter[name]}</span> ×
          </button>
        ))}
      </div>
      <AddressList
        title="Held"
        of={filter}
        onSort={(sort) => go({ view: 'addresses', ...filter, sort }, { replace: true })}
        empty={
          filter.q === undefined && narrowed.length === 0 ? 'No address is held.' : 'No address that is held matches.'
        }
      />
      {isAssigning && <AssignDialog onClose={() => setAssigning(false)} />}
    </>
  )
}
