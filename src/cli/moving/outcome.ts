import { exitCodes, Failure } from '../failures.ts'
import { type Io, note } from '../io.ts'
import { visible } from '../output/index.ts'

/** What can be imported, in the words of the summary. */
const subjects = ['policies', 'pools', 'reservations', 'nodes', 'affinities', 'addresses', 'configuration'] as const
export type Subject = (typeof subjects)[number]

/** The outcome for the entries of one subject. */
export interface Tally {
  created: number
  unchanged: number
  conflicts: number
  /** What the API cannot express, or the file leaves open. */
  leftOut: number
}

/** Something that is there in another way than the file says. */
export interface Conflict {
  readonly subject: Subject
  readonly file: string
  readonly line: number
  /** What the file is about, such as an address. */
  readonly what: string
  /** What is there. */
  readonly there: string
  /** What the file says. */
  readonly said: string
  /** What would settle it. */
  readonly remedy: string
}

/** What to do about a conflict: end the import, or go on without it. Nothing ever takes an address from its handle. */
export const conflictPolicies = ['stop', 'skip'] as const
export type ConflictPolicy = (typeof conflictPolicies)[number]

/** Counts what an import does, and tells of each conflict as it is found. */
export class Outcome {
  readonly #io: Io
  readonly #policy: ConflictPolicy
  readonly #beforeNote: () => void
  readonly #tallies = new Map<Subject, Tally>()

  /** `beforeNote` is called before something is written to the terminal. */
  constructor(io: Io, policy: ConflictPolicy, beforeNote: () => void) {
    this.#io = io
    this.#policy = policy
    this.#beforeNote = beforeNote
  }

  of(subject: Subject): Tally {
    const tally = this.#tallies.get(subject) ?? { created: 0, unchanged: 0, conflicts: 0, leftOut: 0 }
    this.#tallies.set(subject, tally)
    return tally
  }

  /** Tells of a conflict. Throws a {@link Failure} if it ends the import. */
  conflict({ subject, file, line, what, there, said, remedy }: Conflict): void {
    this.of(subject).conflicts += 1
    this.#tell([
      `conflict: ${file}:${line}: ${what}`,
      `  there:     ${there}`,
      `  file:      ${said}`,
      `  to settle: ${remedy}`,
    ])
    if (this.#policy === 'skip') return
    throw new Failure(
      exitCodes.conflict,
      'stopped at a conflict; what was imported before stays, and the rest was not begun',
      'Settle it and run the command again, or see all conflicts with --dry-run, or go on without them with --on-conflict skip.',
    )
  }

  /** Tells of something that is left out. */
  leaveOut(subject: Subject, file: string, line: number, what: string, why: string): void {
    this.of(subject).leftOut += 1
    this.#tell([`left out: ${file}:${line}: ${what}: ${why}`])
  }

  get conflicts(): number {
    return [...this.#tallies.values()].reduce((sum, { conflicts }) => sum + conflicts, 0)
  }

  /** The tallies of what there was anything of. */
  rows(): readonly (Tally & { readonly subject: Subject })[] {
    return subjects.flatMap((subject) => {
      const tally = this.#tallies.get(subject)
      return tally === undefined ? [] : [{ subject, ...tally }]
    })
  }

  #tell(lines: readonly string[]): void {
    this.#beforeNote()
    note(this.#io, lines.map(visible).join('\n'))
  }
}
