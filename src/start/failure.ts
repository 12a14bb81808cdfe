/** Exit codes of the process: 2 for a wrong setting, as in most programs; 1 for anything else that prevented the start or ended it. */
export const exitCodes = { badSetting: 2, failure: 1 } as const

/** The start failed for a reason that the person who started the server can remove. The message says how. */
export class StartFailure extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = exitCodes.failure, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StartFailure'
    this.exitCode = exitCode
  }
}

/** Makes the failure of a start with wrong settings. */
export function badSettings(problems: readonly string[]): StartFailure {
  const lines = ['Some settings are wrong:', ...problems.map((problem) => `  ${problem}`), 'See ippoold --help.']
  return new StartFailure(lines.join('\n'), exitCodes.badSetting)
}

/** Returns the message of an error; anything else as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
