import type { CommandUnknownOpts } from '@commander-js/extra-typings'

/** A word that may come next on a command line. */
export interface Candidate {
  readonly word: string
  readonly meaning: string
}

/** The candidates for the last word. */
export interface Candidates {
  readonly candidates: readonly Candidate[]
  /** True if the word may be the name of a pool, too. */
  readonly isPool: boolean
  /** The beginning of the word, as typed so far. */
  readonly start: string
}

type Flag = CommandUnknownOpts['options'][number]

/** Returns the candidates for the last of `words`, which begin after the name of the program. */
export function candidatesFor(program: CommandUnknownOpts, words: readonly string[]): Candidates {
  const start = words.at(-1) ?? ''
  let command = program
  let awaited: Flag | undefined
  let operands = 0
  for (const word of words.slice(0, -1)) {
    if (awaited !== undefined && !word.startsWith('-')) {
      // A flag with several values takes all that follow.
      if (!awaited.variadic) awaited = undefined
      continue
    }
    awaited = undefined
    if (word.startsWith('-')) {
      const flag = flagsOf(program, command).find(({ short, long }) => word === short || word === long)
      if (flag?.required === true) awaited = flag
      continue
    }
    const inner = command.commands.find((one) => one.name() === word)
    if (inner === undefined) operands += 1
    else command = inner
  }
  if (start.startsWith('-')) {
    const flags = flagsOf(program, command).map(({ long, short, description }) => ({
      word: long ?? short ?? '',
      meaning: description,
    }))
    return { candidates: flags, isPool: false, start }
  }
  if (awaited !== undefined) return { ...choices(awaited.argChoices, awaited.attributeName() === 'pool'), start }
  const visible = command.commands.filter((one) => !one.name().startsWith('_'))
  const inner = visible.map((one) => ({ word: one.name(), meaning: one.description() }))
  const known = command.registeredArguments
  const argument = known[operands] ?? known.findLast(({ variadic }) => variadic)
  const { candidates, isPool } = choices(argument?.argChoices, argument?.name() === 'pool')
  return { candidates: [...inner, ...candidates], isPool, start }
}

/** The flags of a command, and those that every command has. */
function flagsOf(program: CommandUnknownOpts, command: CommandUnknownOpts): readonly Flag[] {
  const own = command === program ? [] : command.options
  return [...own, ...program.options].filter(({ hidden }) => !hidden)
}

function choices(words: readonly string[] | undefined, isPool: boolean): Omit<Candidates, 'start'> {
  return { candidates: (words ?? []).map((word) => ({ word, meaning: '' })), isPool }
}
