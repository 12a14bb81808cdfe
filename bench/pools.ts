import { Etcd3 } from 'etcd3'
import { pools as poolFamily } from '../src/model/index.ts'
import { blockAt, formatCidr, prefixLength } from '../src/net/index.ts'
import { createPool, startBenchServer } from './processes.ts'
import { pool } from './seed.ts'

const poolCount = 10_000
/** Of these pools, so many lie in the seeded range: two blocks in each. The others are empty. */
const filledCount = 8_192

/** The stored text of a pool, as the server writes it. */
async function templateOfPool(endpoint: string): Promise<string> {
  const server = await startBenchServer({ ETCD_ENDPOINTS: endpoint })
  await createPool(server.url, 'load', '172.16.0.0/12')
  await server.stop()
  const client = new Etcd3({ hosts: endpoint })
  const text = await client.get(`${poolFamily.prefix}load`).string()
  client.close()
  if (text === null) throw new Error('The pool was not stored.')
  return text
}

/**
 * Writes 10,000 pools straight into etcd: 8,192 of two blocks each in the range that `seed` fills, and empty ones outside of it. Calls assign
 * from the pool that is left.
 */
export async function seedPools(endpoint: string): Promise<void> {
  const template = await templateOfPool(endpoint)
  const client = new Etcd3({ hosts: endpoint })
  const size = prefixLength(4, 25) ?? pool.prefixLength
  for (let first = 0; first < poolCount; first += 100) {
    const success = Array.from({ length: 100 }, (_, index) => {
      const number = first + index
      const name = `pool-${String(number).padStart(5, '0')}`
      const empty = number - filledCount
      const cidr =
        number < filledCount
          ? formatCidr(blockAt(pool, size, BigInt(number)))
          : `10.${128 + (empty >> 8)}.${empty & 255}.0/24`
      const value = template
        .replace('"load"', JSON.stringify(name))
        .replace('172.16.0.0/12', cidr)
        .replace('"spec":{', '"spec":{"assignmentMode":"Manual",')
      return { request_put: { key: Buffer.from(`${poolFamily.prefix}${name}`), value: Buffer.from(value) } }
    })
    await client.kv.txn({ success })
  }
  client.close()
}
