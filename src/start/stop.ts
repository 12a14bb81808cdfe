import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'

/** The running parts of the process. They stop in the opposite order of their start. */
export class RunningParts {
  readonly #stops: (() => Promise<void> | void)[] = []

  add(stop: () => Promise<void> | void): void {
    this.#stops.push(stop)
  }

  async stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) await stop()
  }
}

/** Longer than all parts need: an embedded etcd that does not end is killed after 10 s. */
const stopTimeMs = 20_000

/** npm passes Ctrl-C on, so it arrives twice: from the terminal and from npm. */
const sameSignalMs = 1_000

/**
 * Stops in order on SIGINT and SIGTERM, and on what close-with-grace handles besides: other signals, and uncaught errors, which give exit
 * code 1. A second signal calls `exitNow`. `drainMs` is the time for which the server continues to serve.
 */
export function stopOnSignal(logger: Logger, stop: () => Promise<void>, exitNow: () => void, drainMs: number): void {
  const options = {
    delay: drainMs + stopTimeMs,
    logger: { error: (problem: unknown) => logger.error({ err: problem }, 'the stop failed') },
    skip: ['SIGINT', 'SIGTERM'] satisfies NodeJS.Signals[],
  }
  const grace = closeWithGrace(options, async ({ err }) => {
    if (err === undefined) logger.info('stopping')
    else logger.fatal({ err }, 'stopping because of an uncaught error')
    await stop()
    logger.info('stopped')
  })
  let firstSignalAt: number | undefined
  const onSignal = (): void => {
    if (firstSignalAt === undefined) {
      firstSignalAt = Date.now()
      grace.close()
    } else if (Date.now() - firstSignalAt > sameSignalMs) {
      logger.warn('second signal: exiting without waiting')
      exitNow()
    }
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}
