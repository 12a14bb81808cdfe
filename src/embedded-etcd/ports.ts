import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the range of ports for outgoing connections (32768 and up on Linux): any connection could take a port of that range while etcd is
 * down, even our own attempt to reach it.
 */
const range = { from: 20_000, to: 32_000 } as const

/** Finds free ports of 127.0.0.1, all different. They are not reserved: another program may take them. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let attempt = 0; attempt < 1_000 && found.size < count; attempt += 1) {
    const port = randomInt(range.from, range.to)
    if (await isFree(port)) found.add(port)
  }
  if (found.size < count) throw new Error(`There are no free ports between ${range.from} and ${range.to}.`)
  return [...found]
}

/** True if this port of 127.0.0.1 is free. */
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
