import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the range that systems take the ports of outgoing connections from (32768 and up on Linux): such a port could be
 * taken by anybody's connection while etcd is down, and even by our own attempt to reach it.
 */
const range = { from: 20_000, to: 32_000 } as const

/** Ports of 127.0.0.1, all different, on which nobody listens. They are not reserved: somebody else may be faster. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let attempt = 0; attempt < 1_000 && found.size < count; attempt += 1) {
    const port = randomInt(range.from, range.to)
    if (await isFree(port)) found.add(port)
  }
  if (found.size < count) throw new Error(`There are no free ports between ${range.from} and ${range.to}.`)
  return [...found]
}

/** Whether one could listen on this port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => {
      resolve(false)
    })
    server.listen({ port, host: '127.0.0.1' }, () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}
