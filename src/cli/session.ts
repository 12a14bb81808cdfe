import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type Answer, type Api, apiOver, type ConnectionOptions, connectionOf, Transport } from './api/index.ts'
import { type ExitCode, exitCodes } from './failures.ts'
import { type Io, note, Progress, styleOf } from './io.ts'
import {
  type Format,
  joinPages,
  ListPrinter,
  printDetails,
  type RowFormat,
  type Style,
  type Layout,
} from './output/index.ts'

/** The flags that every command has. */
export interface GlobalOptions extends ConnectionOptions {
  readonly output?: Format | undefined
  /** Seconds. */
  readonly timeout?: number | undefined
}

/** A page of a list: its rows, and the answer that it was. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly answer: Answer<object>
}

const defaultTimeoutSeconds = 60

/** One run of a command: its connection, and the printing of its answer. */
export class Session {
  readonly io: Io
  readonly style: Style
  readonly progress: Progress
  readonly #options: GlobalOptions
  #transport: Promise<Transport> | undefined
  /** How the command ends, unless it fails. */
  exitCode: ExitCode = exitCodes.done

  constructor(io: Io, options: GlobalOptions) {
    this.io = io
    this.style = styleOf(io)
    this.progress = new Progress(io)
    this.#options = options
  }

  /** The format that was asked for, else `usual`. */
  format(usual: Format = 'table'): Format {
    return this.#options.output ?? usual
  }

  /** True if standard output is a terminal, where a person may be watching. */
  get isWatched(): boolean {
    return this.io.stdout.isTTY
  }

  /** The typed client. Finds out on the first call which server to use. */
  async api(): Promise<Api> {
    return apiOver(await this.transport())
  }

  transport(): Promise<Transport> {
    this.#transport ??= this.#connect()
    return this.#transport
  }

  async #connect(): Promise<Transport> {
    const connection = await connectionOf(this.#options, this.io.environment)
    const { protocol, hostname } = new URL(connection.url)
    const isLocal = connection.socketPath !== undefined || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
    if (protocol === 'http:' && connection.token !== undefined && !isLocal)
      note(
        this.io,
        `ippool: warning: the token is sent to ${hostname} without TLS, so everybody on the way can read it`,
      )
    return new Transport(connection, {
      timeoutMs: (this.#options.timeout ?? defaultTimeoutSeconds) * 1_000,
      onRetry: (message, pauseMs) => {
        if (this.io.stderr.isTTY) note(this.io, `ippool: ${message}; trying again in ${(pauseMs / 1_000).toFixed(1)} s`)
      },
    })
  }

  /** Prints a text unchanged. False if the reader of standard output is slow; {@link printPages} waits then. */
  print(text: string): boolean {
    return this.io.stdout.write(text)
  }

  /** Prints a list page by page: rows, or, in JSON and YAML, one answer. Says so at a terminal if there is none. */
  async printPages<Row>(
    layout: Layout<Row>,
    pages: AsyncIterable<Page<Row>>,
    none: string,
    usual?: Format,
  ): Promise<void> {
    const format = this.format(usual)
    const answers: Answer<object>[] = []
    const printer = isRowFormat(format) ? new ListPrinter(layout, format, this.style) : undefined
    let count = 0
    for await (const { rows, answer } of pages) {
      count += rows.length
      this.progress.end()
      if (printer === undefined) answers.push(answer)
      else if (!this.print(printer.print(rows))) await once(this.io.stdout, 'drain')
      this.progress.show(`${count} so far`)
    }
    this.progress.end()
    if (printer === undefined) await this.printAnswer(joinAnswers(answers))
    else if (count === 0 && format !== 'csv') note(this.io, none)
  }

  /** Prints one answer that has rows. */
  async printRows<Row>(layout: Layout<Row>, rows: readonly Row[], answer: Answer<object>, none: string): Promise<void> {
    await this.printPages(layout, onePage({ rows, answer }), none)
  }

  /** Prints one thing: its details for people, a row in CSV. */
  async printThing<Thing>(layout: Layout<Thing>, thing: Thing, answer: Answer<object>): Promise<void> {
    const format = this.format()
    if (!isRowFormat(format)) await this.printAnswer(answer)
    else if (format === 'table' || format === 'wide') this.print(printDetails(layout.columns, thing, this.style))
    else this.print(new ListPrinter(layout, format, this.style).print([thing]))
  }

  /** Prints what was done: a sentence for people and scripts, the names for `-o name`, or the answer. */
  async printDone(sentence: string, names: readonly string[], answer: Answer<object>): Promise<void> {
    const format = this.format()
    if (!isRowFormat(format)) await this.printAnswer(answer)
    else if (format === 'name') this.print(names.map((name) => `${name}\n`).join(''))
    else this.print(`${sentence}\n`)
  }

  /** Prints an answer as JSON, byte for byte as the server sent it, or as YAML. */
  async printAnswer({ data, text }: Answer<object>): Promise<void> {
    if (this.format('json') !== 'yaml') {
      this.print(`${text.trimEnd()}\n`)
      return
    }
    const { stringify } = await import('yaml')
    this.print(stringify(data, { lineWidth: 0 }))
  }
}

/** The dependencies of a command: the process, and the session that carries the command out. */
export interface Cli {
  readonly io: Io
  /** Gives the session of this run, which has the flags that were parsed. */
  readonly session: () => Session
}

/** The header of every call that changes something: with it, the call takes effect once, however often it is sent. */
export function repeatable(key: string | undefined): { readonly 'Idempotency-Key': string } {
  return { 'Idempotency-Key': key ?? randomUUID() }
}

export function isRowFormat(format: Format): format is RowFormat {
  return format !== 'json' && format !== 'yaml'
}

function joinAnswers(answers: readonly Answer<object>[]): Answer<object> {
  const [first] = answers
  if (first !== undefined && answers.length === 1) return first
  const data = joinPages(answers.map(({ data }) => ({ ...data })))
  return { data, text: JSON.stringify(data) }
}

async function* onePage<Row>(page: Page<Row>): AsyncGenerator<Page<Row>, void> {
  yield await Promise.resolve(page)
}
