import { pino, type DestinationStream, type Logger } from 'pino'

/** The log of the process, on standard error. */
export interface Log {
  readonly logger: Logger
  /** Options for Fastify, which makes a logger of its own on the same stream. */
  readonly serverLog: { readonly level: string; readonly stream: DestinationStream }
}

/** Opens the log. Lines are written together while the previous write is in progress; the rest is flushed when the process ends. */
export function openLog(level: string): Log {
  const stream = pino.destination({ dest: 2, sync: false })
  process.on('exit', () => {
    stream.flushSync()
  })
  return { logger: pino({ level }, stream), serverLog: { level, stream } }
}
