import type { Readable } from 'node:stream'

/** The lines of a stream, without their ends; empty ones are left out. */
export async function* linesOf(stream: Readable): AsyncGenerator<string, void> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines.filter((line) => line !== '')
  }
  if (rest !== '') yield rest
}
