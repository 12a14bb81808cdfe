/** Which rows of a long list are made: those to be seen, and some before and after. */
export interface RowWindow {
  readonly first: number
  /** One after the last. */
  readonly end: number
}

const spare = 12

/**
 * The rows that may be seen.
 * @param top how far the list begins below the upper edge of the screen, in pixels; negative once it is scrolled
 */
export function rowsInSight(rows: number, rowHeight: number, top: number, screenHeight: number): RowWindow {
  const first = Math.floor(-top / rowHeight) - spare
  const end = Math.ceil((screenHeight - top) / rowHeight) + spare
  return { first: Math.min(rows, Math.max(0, first)), end: Math.min(rows, Math.max(0, end)) }
}
