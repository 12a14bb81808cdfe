import { copyFile, open, stat, truncate } from 'node:fs/promises'
import { isSystemError } from './processes.ts'

/** The two log files together have about twice this size in bytes at most. */
const sizeBytesMax = 8 * 1024 * 1024

/**
 * Limits the size of a log: if it is large, its content moves to `<file>.1`, and the log starts over. The process that writes it appends,
 * so it need not be told.
 */
export async function boundLog(file: string): Promise<void> {
  if ((await sizeOf(file)) <= sizeBytesMax) return
  await copyFile(file, `${file}.1`)
  await truncate(file)
}

/** Returns the size of a file in bytes; 0 if it does not exist. */
export async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 0
    throw error
  }
}

/** Returns the last lines of etcd's log after position `from` (bytes), in readable form. */
export async function logTail(file: string, from: number, lines = 8): Promise<string[]> {
  const size = await sizeOf(file)
  const start = Math.max(from > size ? 0 : from, size - 64 * 1024)
  if (size === 0) return []
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(size - start)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, start)
    const text = buffer.subarray(0, bytesRead).toString()
    return text.trimEnd().split('\n').slice(-lines).map(printLine)
  } finally {
    await handle.close()
  }
}

/** Prints level, message and error of a line in JSON. Any other line, such as a panic, stays as it is. */
function printLine(line: string): string {
  try {
    const entry: unknown = JSON.parse(line)
    if (typeof entry !== 'object' || entry === null || !('msg' in entry)) return line
    const level = 'level' in entry ? `${String(entry.level)}: ` : ''
    const error = 'error' in entry ? `: ${String(entry.error)}` : ''
    return `${level}${String(entry.msg)}${error}`
  } catch (error) {
    if (error instanceof SyntaxError) return line
    throw error
  }
}
