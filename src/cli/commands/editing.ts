import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFields } from '../api/index.ts'
import { exitCodes, Failure, Refused } from '../failures.ts'
import type { Io } from '../io.ts'
import { applyMergePatch, clashesOf, type Fields, mergePatchOf } from './merge-patch.ts'

/** An object that can be edited. */
export interface Editable<Outcome> {
  /** For the name of the file, and for people. */
  readonly name: string
  /** Reads it as it is now: what can be changed, and `metadata.resourceVersion`. */
  readonly read: () => Promise<Fields>
  /** Sends a JSON merge patch, which is refused with `Conflict` if the object has another `metadata.resourceVersion`. */
  readonly change: (patch: Fields) => Promise<Outcome>
}

/**
 * Lets a person edit an object as YAML, and sends the fields that changed. If another client has changed other fields meanwhile, both
 * changes are made; if the same ones, or if the server refuses the values, the editor opens again and says so. Undefined if nothing was
 * changed.
 */
export async function edit<Outcome>(io: Io, { name, read, change }: Editable<Outcome>): Promise<Outcome | undefined> {
  const { parse, stringify } = await import('yaml')
  const folder = await mkdtemp(join(tmpdir(), 'ippool-edit-'))
  const file = join(folder, `${name.replaceAll(/[^\w.-]/g, '_')}.yaml`)
  let base = await read()
  let text = commented([`${name}: to change nothing, leave this as it is, or empty.`]) + stringify(withoutVersion(base))
  let isKept = false
  // The reason that the editor opens again; undefined if the text can be used as it is.
  let problem: Failure | undefined
  try {
    for (;;) {
      const before = text
      await writeFile(file, before)
      await runEditor(io, file)
      text = await readFile(file, 'utf8')
      if (problem !== undefined && text === before) {
        isKept = true
        throw new Failure(problem.exitCode, problem.message, `The edited text is kept in ${file}.`)
      }
      const edited = readYaml(text)
      if (edited === undefined) return undefined
      problem = edited instanceof Failure ? edited : undefined
      if (edited instanceof Failure) {
        text = commented(['This cannot be used:', ...edited.message.split('\n')]) + withoutComments(text)
        continue
      }
      const outcome = await send(edited)
      if (outcome !== 'again') return outcome?.value
    }
  } finally {
    if (!isKept) await rm(folder, { recursive: true, force: true })
  }

  /** The object in a text; undefined if there is nothing in it. */
  function readYaml(yaml: string): Fields | Failure | undefined {
    try {
      const value: unknown = parse(yaml)
      if (value === null || value === undefined) return undefined
      return isFields(value) ? value : new Failure(exitCodes.invalid, 'it is no object')
    } catch (cause) {
      return new Failure(exitCodes.invalid, cause instanceof Error ? cause.message : String(cause))
    }
  }

  /** Sends what was edited, until it is clear what becomes of it. Undefined if nothing was; `again` if the person has to look at it. */
  async function send(edited: Fields): Promise<{ readonly value: Outcome } | 'again' | undefined> {
    const patch = mergePatchOf(withoutVersion(base), edited)
    if (Object.keys(patch).length === 0) return undefined
    for (;;) {
      try {
        return { value: await change(applyMergePatch(patch, { metadata: { resourceVersion: versionOf(base) } })) }
      } catch (cause) {
        if (!(cause instanceof Refused)) throw cause
        const { reason } = cause.status
        if (reason === 'Invalid' || reason === 'BadRequest') {
          problem = cause
          text = commented(['The server refuses this:', ...cause.message.split('\n')]) + withoutComments(text)
          return 'again'
        }
        if (reason !== 'Conflict') throw cause
        const now = await read()
        // A conflict of another kind does not go away by itself.
        if (versionOf(now) === versionOf(base)) throw cause
        const clashes = clashesOf(patch, mergePatchOf(withoutVersion(base), withoutVersion(now)))
        base = now
        if (clashes.length === 0) continue
        const head = [
          'Somebody else has changed this, too. Here is theirs with your changes; save it to overwrite:',
          ...clashes.map((field) => `  ${field} is now ${JSON.stringify(fieldIn(now, field) ?? 'not there')}`),
        ]
        text = commented(head) + stringify(applyMergePatch(withoutVersion(now), patch))
        return 'again'
      }
    }
  }
}

/** The version is for the program: who edits an old one keeps their changes. */
function withoutVersion(object: Fields): Fields {
  return applyMergePatch(object, { metadata: { resourceVersion: null } })
}

function versionOf(object: Fields): unknown {
  return fieldIn(object, 'metadata.resourceVersion')
}

function fieldIn(object: Fields, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (isFields(value) ? value[name] : undefined), object)
}

function commented(lines: readonly string[]): string {
  return lines.map((line) => `# ${line}\n`).join('')
}

/** Without the comments at its beginning, which belong to an earlier attempt. */
function withoutComments(text: string): string {
  return text.replace(/^(#.*\n)+/, '')
}

async function runEditor({ environment }: Io, file: string): Promise<void> {
  const editor = environment['VISUAL'] ?? environment['EDITOR'] ?? 'vi'
  // The shell reads its arguments, and a name may have spaces.
  const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
  await once(child, 'close')
  if (child.exitCode !== 0)
    throw new Failure(
      exitCodes.failure,
      `the editor ${JSON.stringify(editor)} failed; nothing was changed`,
      'Set EDITOR.',
    )
}
