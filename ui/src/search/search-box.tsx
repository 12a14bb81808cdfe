import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { go } from '../router/index.ts'
import { everywhere, find, type Found, recognise } from './find.ts'

const typingMs = 120

/** One box for everything. The key `/` leads to it. */
export function SearchBox(): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState('')
  const [isOpen, setOpen] = useState(false)
  const [answer, setAnswer] = useState<{ readonly text: string; readonly found: readonly Found[] | undefined }>()
  const [chosen, setChosen] = useState(0)
  useSlash(input)
  const query = text.trim()
  useEffect(() => {
    setChosen(0)
    if (query === '') return undefined
    let isOver = false
    const timer = setTimeout(() => {
      void find(query).then((found) => {
        if (!isOver) setAnswer({ text: query, found })
      })
    }, typingMs)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [query])

  const recognised = recognise(query)
  const names = new Set(recognised.map(({ kind, name }) => `${kind} ${name}`))
  // The answer to what was typed before stays until the next one is there, so that the list does not flicker.
  const answered = (answer?.found ?? []).filter(({ kind, name }) => !names.has(`${kind} ${name}`))
  const found = query === '' ? [] : [...recognised, ...answered, everywhere(query)]
  const open = (one: Found | undefined): void => {
    if (one === undefined) return
    setText('')
    setOpen(false)
    input.current?.blur()
    go(one.to)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowDown') setChosen(Math.min(found.length - 1, chosen + 1))
    else if (event.key === 'ArrowUp') setChosen(Math.max(0, chosen - 1))
    else if (event.key === 'Enter') open(found[chosen])
    else if (event.key === 'Escape') {
      setOpen(false)
      input.current?.blur()
    } else return
    event.preventDefault()
  }
  const isShown = isOpen && query !== ''
  return (
    <div class="search" role="search">
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="Search: address, CIDR, pool, handle, node or attribute"
        aria-expanded={isShown}
        aria-controls="found"
        aria-autocomplete="list"
        aria-activedescendant={isShown ? `found-${chosen}` : undefined}
        placeholder="Search everything"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value)
          setOpen(true)
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      {isShown && (
        <div class="results" id="found" role="listbox" aria-label="Found">
          {found.map((one, index) => (
            <div
              key={`${one.kind} ${one.name}`}
              id={`found-${index}`}
              role="option"
              aria-selected={index === chosen}
              onPointerMove={() => setChosen(index)}
              onPointerDown={(event) => {
                // Before the input loses the focus, with which the list would go.
                event.preventDefault()
                open(one)
              }}
            >
              <span class="kind">{one.kind}</span>
              <span class="name mono">{one.name}</span>
              <span class="about">{one.about}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  )
}

/** The key `/` leads to the box, unless something is being typed. */
function useSlash(input: { readonly current: HTMLInputElement | null }): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const at = event.target
      const isTyping =
        at instanceof HTMLInputElement || at instanceof HTMLTextAreaElement || at instanceof HTMLSelectElement
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      input.current?.focus()
      input.current?.select()
    }
    addEventListener('keydown', onKeyDown)
    return () => removeEventListener('keydown', onKeyDown)
  }, [])
}
