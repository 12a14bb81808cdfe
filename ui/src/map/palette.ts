import type { Theme } from '../theme/index.ts'

/** Up to which share of its addresses in use a range has which step of the ramp. The first step is of nothing in use. */
const steps = [0, 0.1, 0.25, 0.5, 0.75, 0.95, 1] as const

/** The colours of a map. */
export interface Palette {
  /** What is in no pool. */
  readonly outside: string
  readonly free: string
  /** An octet square with something in use. */
  readonly touched: string
  /** One for each step above nothing. In the light, darker is fuller; in the dark, lighter. */
  readonly ramp: readonly string[]
  readonly inUse: string
  readonly cooling: string
  readonly reserved: string
  readonly text: string
  readonly quiet: string
  readonly onFull: string
  readonly cursor: string
}

const palettes: Readonly<Record<Theme, Palette>> = {
  light: {
    outside: '#f6f8f9',
    free: '#e9eff2',
    touched: '#d7e7f0',
    ramp: ['#b5d5e6', '#86bcd8', '#559fc5', '#2781af', '#0e6390', '#08425f'],
    inUse: '#0b6a9c',
    cooling: '#c9690a',
    reserved: '#7d5ba6',
    text: '#14232c',
    quiet: '#526570',
    onFull: '#ffffff',
    cursor: '#14232c',
  },
  dark: {
    outside: '#0b1115',
    free: '#1a262d',
    touched: '#1c3a4a',
    ramp: ['#1f4f66', '#276a89', '#3289af', '#47a5cf', '#78c6ea', '#bfe6fa'],
    inUse: '#58b4e3',
    cooling: '#f0a35c',
    reserved: '#b79be0',
    text: '#e4edf1',
    quiet: '#9db0ba',
    onFull: '#06222f',
    cursor: '#ffffff',
  },
}

/** The colours for a theme. */
export function paletteOf(theme: Theme): Palette {
  return palettes[theme]
}

/** The step of the ramp for a share in use: 0 for nothing, 6 for all. The least share above nothing is step 1. */
export function stepOf(share: number): number {
  const step = steps.findIndex((limit) => share <= limit)
  return step < 0 ? steps.length - 1 : step
}

/** The upper limit of each step above nothing, for the legend. */
export const stepLimits: readonly number[] = steps.slice(1)
