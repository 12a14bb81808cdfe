import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { linesOf } from '../api/index.ts'
import { usageFailure } from '../failures.ts'
import {
  type Entry,
  FormatProblem,
  type Located,
  readCalicoctl,
  readExport,
  readGoIpam,
  readInfoblox,
  readNetbox,
  readPhpipam,
} from '../formats/index.ts'

/** An entry, and where it stands. */
export interface Sourced<Kind extends Entry = Entry> extends Located<Kind> {
  readonly file: string
}

type Read = (file: string) => AsyncIterable<Located>

const readers = {
  ippool: (file) => readExport(linesOf(createReadStream(file))),
  netbox: (file) => readNetbox(chunksOf(file)),
  phpipam: (file) => readPhpipam(chunksOf(file)),
  infoblox: (file) => readInfoblox(chunksOf(file)),
  'go-ipam': (file) => wholly(file, readGoIpam),
  calicoctl: (file) => wholly(file, readCalicoctl),
} as const satisfies Readonly<Record<string, Read>>

/** The systems that wrote the files. */
export type SourceName = keyof typeof readers
export const sourceNames = [
  'ippool',
  'netbox',
  'phpipam',
  'infoblox',
  'go-ipam',
  'calicoctl',
] as const satisfies readonly SourceName[]

/** Reads the entries of files, one after the other. Throws a usage failure for one that cannot be read, with the place of the fault. */
export async function* entriesIn(files: readonly string[], from: SourceName): AsyncGenerator<Sourced, void> {
  for (const file of files) {
    try {
      for await (const located of readers[from](file)) yield { ...located, file }
    } catch (problem) {
      if (problem instanceof FormatProblem) {
        const { line, column } = problem.position ?? {}
        const place = [file, line, column].filter((part) => part !== undefined).join(':')
        throw usageFailure(`${place}: ${problem.message}`, 'Nothing was changed.')
      }
      if (problem instanceof Error && 'syscall' in problem)
        throw usageFailure(`${file} cannot be read: ${problem.message}`)
      throw problem
    }
  }
}

async function* chunksOf(file: string): AsyncGenerator<string, void> {
  for await (const chunk of createReadStream(file, 'utf8')) yield String(chunk)
}

/** Reads a file that is one value of JSON, or a table: all of it is in memory at once. */
async function* wholly(file: string, read: (text: string) => Iterable<Located>): AsyncGenerator<Located, void> {
  yield* read(await readFile(file, 'utf8'))
}
