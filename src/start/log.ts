import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino'
import { printLine } from './log-text.ts'

/** The log of the process, on standard error. */
export interface Log {
  readonly logger: Logger
  /** Options for Fastify, which makes a logger of its own on the same stream. */
  readonly serverLog: { readonly level: string; readonly stream: DestinationStream; readonly timestamp: () => string }
}

/** Opens the log: text at a terminal, elsewhere one JSON object on each line. */
export function openLog(level: string): Log {
  const stream = process.stderr.isTTY ? terminal : openFile()
  const timestamp = stdTimeFunctions.isoTime
  return { logger: pino({ level, timestamp }, stream), serverLog: { level, stream, timestamp } }
}

const terminal: DestinationStream = {
  write: (line) => {
    process.stderr.write(printLine(line))
  },
}

/** Lines are written together while the previous write is in progress; the rest is flushed when the process ends. */
function openFile(): DestinationStream {
  const stream = pino.destination({ dest: 2, sync: false })
  process.on('exit', () => {
    stream.flushSync()
  })
  return stream
}
