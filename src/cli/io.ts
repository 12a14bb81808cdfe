import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { ReadStream, WriteStream } from 'node:tty'
import type { Style } from './output/index.ts'

/** The parts of the process that a command line uses. */
export interface Io {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stdin: Pick<ReadStream, 'isTTY' | 'setRawMode'> & NodeJS.ReadableStream
  readonly stdout: Pick<WriteStream, 'isTTY' | 'columns' | 'rows'> & NodeJS.WritableStream
  readonly stderr: Pick<WriteStream, 'isTTY'> & NodeJS.WritableStream
}

/** How to print on standard output now: with colours only at a terminal that has them, and unless `NO_COLOR` is set. */
export function styleOf({ environment, stdout }: Io): Style {
  const { NO_COLOR: noColor = '', TERM: terminal } = environment
  // The first that is set decides, as in POSIX.
  const locale = [environment['LC_ALL'], environment['LC_CTYPE'], environment['LANG']].find(Boolean) ?? ''
  return {
    isColoured: stdout.isTTY && noColor === '' && terminal !== 'dumb',
    isUnicode: /utf-?8/i.test(locale),
    now: new Date(),
  }
}

/** Reads a file, or standard input if its name is `-`. */
export function readInput(io: Io, file: string): Promise<string> {
  return file === '-' ? text(io.stdin) : readFile(file, 'utf8')
}

/** Writes a line for the person at the terminal, which no script reads. */
export function note({ stderr }: Io, line: string): void {
  stderr.write(`${line}\n`)
}

/** Work that ends sooner shows no progress. */
const silentMs = 500

/** Shows how far long work is, on one line that is written again and again. Silent unless standard error is a terminal that can do that. */
export class Progress {
  readonly #io: Io
  readonly #begunMs = Date.now()
  #isShown = false

  constructor(io: Io) {
    this.#io = io
  }

  show(line: string): void {
    const { stderr, environment } = this.#io
    if (!stderr.isTTY || environment['TERM'] === 'dumb' || Date.now() < this.#begunMs + silentMs) return
    this.#isShown = true
    stderr.write(`\r\u001b[K${line}`)
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isShown) this.#io.stderr.write('\r\u001b[K')
    this.#isShown = false
  }
}
