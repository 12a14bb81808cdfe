import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** The path of a certificate. */
export const certificate = (name: string): string => fileURLToPath(new URL(`certificates/${name}`, import.meta.url))

/** Serves a server's port by TLS. */
export async function startTls(t: Test, { hostname, port }: URL): Promise<string> {
  const options = { cert: readFileSync(certificate('server.pem')), key: readFileSync(certificate('server.key')) }
  const server = createServer(options, (outside) => {
    const inside = connect(Number(port), hostname)
    outside.pipe(inside).pipe(outside)
    outside.on('error', () => inside.destroy())
    inside.on('error', () => outside.destroy())
    t.teardown(() => outside.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `https://localhost:${(server.address() as AddressInfo).port}`
}
