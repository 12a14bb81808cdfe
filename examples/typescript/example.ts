import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import createClient from 'openapi-fetch'
import type { components, paths } from '../../.sdk/typescript/ippoold.ts'

type Schemas = components['schemas']

const token = process.env['IPAM_TOKEN']
const ippoold = createClient<paths>({
  baseUrl: process.argv[2] ?? 'http://127.0.0.1:8080',
  headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
})
const name = 'example-typescript'
const triesMax = 5

/** Assigns addresses once, however often it has to ask: the key is made for the wish, not for the call. */
async function assign(handle: string, ipv4: number): Promise<Schemas['Assignment'] | undefined> {
  const header = { 'Idempotency-Key': randomUUID() }
  for (let tries = 1; ; tries++) {
    try {
      const asked = { params: { header }, body: { handle, ipv4, pools: [name] } }
      const { data, error, response } = await ippoold.POST('/ipam/v1/assign', asked)
      if (data !== undefined) return data
      if (error.reason === 'InsufficientAddresses') return undefined
      if (error.reason !== 'ServiceUnavailable' || tries === triesMax) throw new Error(error.message)
      await pause(1000 * Number(response.headers.get('retry-after') ?? 1))
    } catch (problem) {
      const isConnectionLost = problem instanceof TypeError
      if (!isConnectionLost || tries === triesMax) throw problem
    }
  }
}

/** Changes a pool as it is at that moment: when somebody else was faster, the change is made to theirs. */
async function changePool(change: (pool: Schemas['IPPool']) => void): Promise<void> {
  const path = { name }
  for (;;) {
    const { data: pool, error: unread } = await ippoold.GET('/apis/projectcalico.org/v3/ippools/{name}', {
      params: { path },
    })
    if (pool === undefined) throw new Error(unread.message)
    change(pool)
    const replaced = { params: { path }, body: pool }
    const { error } = await ippoold.PUT('/apis/projectcalico.org/v3/ippools/{name}', replaced)
    if (error === undefined) return
    if (error.reason !== 'Conflict') throw new Error(error.message)
    console.log('somebody else changed the pool')
  }
}

const pool = { metadata: { name }, spec: { cidr: '10.64.0.0/26' } }
const { error } = await ippoold.POST('/apis/projectcalico.org/v3/ippools', { body: pool })
if (error !== undefined && error.reason !== 'AlreadyExists') throw new Error(error.message)
console.log(error === undefined ? 'created the pool' : 'the pool is there')

const assigned = await assign(name, 3)
console.log(`assigned ${assigned?.addresses.length} addresses`)
if ((await assign(name, 1000)) === undefined) console.log('there are not as many')

let next: string | null | undefined
do {
  const query = { handle: name, limit: 2, ...(next && { continue: next }) }
  const { data: page, error } = await ippoold.GET('/ipam/v1/addresses', { params: { query } })
  if (page === undefined) throw new Error(error.message)
  for (const { address } of page.addresses) console.log(`holds ${address}`)
  next = page.continue
} while (next)

await changePool((pool) => {
  pool.spec.natOutgoing = true
})
console.log('replaced the pool')

const { data: gone } = await ippoold.DELETE('/ipam/v1/handles/{handle}', { params: { path: { handle: name } } })
console.log(`released ${gone?.released.length} addresses`)
