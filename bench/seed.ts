import { createHash } from 'node:crypto'
import { Etcd3, type IRequestOp } from 'etcd3'
import {
  addToHandle,
  affinities,
  affinityKey,
  assignAutomatically,
  blockKey,
  blocks,
  confirmedAffinity,
  handleKey,
  handles,
  newBlock,
} from '../src/model/index.ts'
import { blockAt, formatCidr, mustParseCidr, prefixLength } from '../src/net/index.ts'
import { attributes } from './load.ts'

/** The pool that {@link seed} fills, in blocks of 64 addresses. */
export const pool = mustParseCidr('10.0.0.0/12')

const blockSize = prefixLength(4, 26) ?? pool.prefixLength
const addressesPerBlock = 64
const nodeCount = 500
const valuesPerTransaction = 60

/** The name of a node, of 500. */
export function node(number: number): string {
  return `node-${String(number % nodeCount)}`
}

/** Writes blocks that are full, with their handles and affinities, straight into etcd. */
export async function seed(endpoint: string, heldCount: number): Promise<void> {
  const etcd = new Etcd3({ hosts: endpoint })
  const clock = BigInt(Date.now()) * 1_000_000n
  let batch: IRequestOp[] = []
  const flush = async (): Promise<void> => {
    const success = batch
    batch = []
    if (success.length > 0) await etcd.kv.txn({ success })
  }
  const put = async (key: string, value: string): Promise<void> => {
    batch.push({ request_put: { key: Buffer.from(key), value: Buffer.from(value) } })
    if (batch.length === valuesPerTransaction) await flush()
  }
  for (let number = 0; number * addressesPerBlock < heldCount; number++) {
    const cidr = blockAt(pool, blockSize, BigInt(number))
    const owner = { type: 'host', name: node(number) } as const
    let block = newBlock(cidr, owner, { nanoseconds: clock })
    for (let place = 0; place < addressesPerBlock; place++) {
      const address = number * addressesPerBlock + place
      const handle = `k8s-pod-network.${createHash('sha256').update(String(address)).digest('hex')}`
      const holder = { handle, attributes: { ...attributes(address), node: owner.name } }
      block = assignAutomatically(block, 1, () => false, holder).block
      await put(handleKey(handle).text, handles.encode(addToHandle(undefined, formatCidr(cidr), 1)))
    }
    await put(blockKey(cidr).text, blocks.encode(block))
    await put(affinityKey(owner, cidr).text, affinities.encode(confirmedAffinity))
  }
  await flush()
  etcd.close()
}
