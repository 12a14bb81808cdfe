import { effect, signal } from '@preact/signals'

/** Whether the page is light or dark. */
export type Theme = 'light' | 'dark'

const key = 'ippoold-theme'
const prefersDark = matchMedia('(prefers-color-scheme: dark)')

const chosen = signal(read())
const preferred = signal<Theme>(prefersDark.matches ? 'dark' : 'light')

/** The theme: the chosen one, or else that of the system. Canvases read it to be drawn anew. */
export function theme(): Theme {
  return chosen.value ?? preferred.value
}

/** Chooses the other theme, and remembers that. */
export function switchTheme(): void {
  const other = theme() === 'dark' ? 'light' : 'dark'
  chosen.value = other
  localStorage.setItem(key, other)
}

/** Begins to apply the theme to the page. */
export function followTheme(): void {
  prefersDark.addEventListener('change', () => {
    preferred.value = prefersDark.matches ? 'dark' : 'light'
  })
  effect(() => {
    document.documentElement.dataset['theme'] = theme()
  })
}

function read(): Theme | undefined {
  const stored = localStorage.getItem(key)
  return stored === 'light' || stored === 'dark' ? stored : undefined
}
