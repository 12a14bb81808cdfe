/** A place in a file, from 1. */
export interface Position {
  readonly line: number
  /** For text and CSV: of the character, or the value in its row. */
  readonly column?: number
}

/** A file that is not what it should be. The message says what is wrong, where, and what would be right. */
export class FormatProblem extends Error {
  readonly position: Position | undefined

  constructor(message: string, position?: Position) {
    super(message)
    this.name = 'FormatProblem'
    this.position = position
  }
}
