import { readFile } from 'node:fs/promises'

/** Takes the content of a file; throws if it cannot be used. */
export type TakeContent = (text: string) => void

/** The log of a {@link RenewedFile}. */
export interface FileLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** How often a file is read. */
const intervalMs = 500

/**
 * A file whose content is taken over whenever it changes. It is polled, not watched: polling also notices the renewal of mounted secrets,
 * which replaces a link to a folder above the file. New content counts once two reads agree, so that a half-written file is not used.
 * Content that cannot be used is reported, and the old one stays in use.
 */
export class RenewedFile {
  readonly #path: string
  readonly #take: TakeContent
  readonly #logger: FileLogger
  readonly #timer: NodeJS.Timeout
  #taken: string
  #last: string
  #problem: string | undefined
  #reading: Promise<void> = Promise.resolve()

  private constructor(path: string, text: string, take: TakeContent, logger: FileLogger) {
    this.#path = path
    this.#taken = text
    this.#last = text
    this.#take = take
    this.#logger = logger
    this.#timer = setInterval(() => {
      this.#reading = this.#reading.then(() => this.#readAgain())
    }, intervalMs).unref()
  }

  /** Reads the file, and follows its changes from then on. Throws if it cannot be read or used now. */
  static async open(path: string, take: TakeContent, logger: FileLogger): Promise<RenewedFile> {
    const text = await readFile(path, 'utf8')
    take(text)
    return new RenewedFile(path, text, take, logger)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reading
  }

  async #readAgain(): Promise<void> {
    try {
      const text = await readFile(this.#path, 'utf8')
      const isSettled = text === this.#last
      this.#last = text
      if (!isSettled || text === this.#taken) return
      // Also if it cannot be used: it is tried once.
      this.#taken = text
      this.#take(text)
      this.#problem = undefined
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      if (problem !== this.#problem) {
        this.#logger.warn({ file: this.#path, problem }, 'a changed file cannot be used; its old content stays')
      }
      this.#problem = problem
    }
  }
}
