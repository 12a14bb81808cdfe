import { copyFile, open, stat, truncate } from 'node:fs/promises'
import { isSystemError } from './processes.ts'

/** The log may grow to about twice this size in bytes, in two files. */
const sizeBytesMax = 8 * 1024 * 1024

/**
 * Keeps a log from growing without end: when it is large, its content moves to `<file>.1` and it starts over. The process that
 * writes it need not know, because it appends.
 */
export async function boundLog(file: string): Promise<void> {
  if ((await sizeOf(file)) <= sizeBytesMax) return
  await copyFile(file, `${file}.1`)
  await truncate(file)
}

/** The size of a file in bytes; 0 when there is none. */
export async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 0
    throw error
  }
}

/** The last lines of etcd's log behind a position in bytes, as somebody would want to read them. */
export async function logTail(file: string, from: number, lines = 8): Promise<string[]> {
  const size = await sizeOf(file)
  const start = Math.max(from > size ? 0 : from, size - 64 * 1024)
  if (size === 0) return []
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(size - start)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, start)
    const text = buffer.subarray(0, bytesRead).toString()
    return text.trimEnd().split('\n').slice(-lines).map(readable)
  } finally {
    await handle.close()
  }
}

/** etcd logs JSON: of that the level, the message and the error. Any other line, such as a panic, as it is. */
function readable(line: string): string {
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
