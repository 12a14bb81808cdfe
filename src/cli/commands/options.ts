import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { Schemas } from '../api/index.ts'
import { usageFailure } from '../failures.ts'

/** Flags that several commands share. */

export const dryRunFlag = ['--dry-run', 'say what would happen, and change nothing'] as const
export const keyFlag = [
  '--idempotency-key <key>',
  'makes it safe to run the command again with the same key: it takes effect once',
] as const

/** The uses that addresses of a pool may have. */
export const poolUses = ['Workload', 'Tunnel', 'LoadBalancer'] as const satisfies readonly Schemas['PoolUse'][]

/** The end of a sentence that says what was done. */
export function dryNote(isDryRun: boolean | undefined): string {
  return isDryRun === true ? ' (dry run: nothing was changed)' : ''
}

/** The query of a dry run. */
export function dryRunOf(isDryRun: boolean | undefined): 'All' | undefined {
  return isDryRun === true ? 'All' : undefined
}

/** A flag whose value is read from its text. */
type ReadOption<Flags extends string, Value> = Option<Flags, undefined, undefined, Value>

/** A flag with a whole number from `min` to `max`. */
export function countOption<const Flags extends string>(
  flags: Flags,
  description: string,
  min: number,
  max: number,
): ReadOption<Flags, number> {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
    return value
  })
}

/** A flag that may be given several times. It takes one value each time, so that an argument can follow it. */
export function listOption<const Flags extends string>(
  flags: Flags,
  description: string,
): ReadOption<Flags, readonly string[]> {
  return new Option(flags, `${description}; may be repeated`).argParser(
    (text, earlier: readonly string[] | undefined) => [...(earlier ?? []), text],
  )
}

/** Like {@link listOption}, for certain values only. */
export function choicesOption<const Flags extends string, const Choice extends string>(
  flags: Flags,
  description: string,
  choices: readonly Choice[],
): ReadOption<Flags, readonly Choice[]> {
  const option = new Option(flags, `${description}: ${choices.join(', ')}; may be repeated`)
  option.argChoices = [...choices]
  return option.argParser<readonly Choice[]>((text, earlier: readonly Choice[] | undefined) => {
    const choice = choices.find((one) => one === text)
    if (choice === undefined) throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
    return [...(earlier ?? []), choice]
  })
}

/** Reads entries such as `tenant=blue`. */
export function readPairs(entries: readonly string[] | undefined): Record<string, string> | undefined {
  return entries && Object.fromEntries(entries.map(readPair))
}

function readPair(entry: string): readonly [string, string] {
  const at = entry.indexOf('=')
  if (at < 1) throw usageFailure(`${JSON.stringify(entry)} must have the form NAME=VALUE`)
  return [entry.slice(0, at), entry.slice(at + 1)]
}

/** The last part of a help: lines of a command and what it does. */
export function examples(lines: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  return `\nExamples:\n${lines.map(([command, meaning]) => `  ${command.padEnd(width)}   ${meaning}`).join('\n')}`
}

/** A list as the client wants it: one that may be changed. */
export function listOf<Item>(items: readonly Item[] | undefined): Item[] | undefined {
  return items && [...items]
}
