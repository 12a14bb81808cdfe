import { Etcd3, type IRequestOp } from 'etcd3'
import { nodeKey, nodeOf, nodes } from '../src/model/index.ts'

const valuesPerTransaction = 60

/** Writes nodes with the labels that Kubernetes gives them, and one of `zones` in turn, straight into etcd. */
export async function seedNodes(endpoint: string, count: number, zones: number): Promise<void> {
  const etcd = new Etcd3({ hosts: endpoint })
  for (let first = 0; first < count; first += valuesPerTransaction) {
    const success = Array.from({ length: Math.min(valuesPerTransaction, count - first) }, (_, place): IRequestOp => {
      const number = first + place
      const name = `node-${String(number)}`
      const labels = { 'kubernetes.io/hostname': name, role: 'worker', zone: `zone-${String(number % zones)}` }
      const node = nodeOf({ kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata: { name, labels }, spec: {} })
      if (!node.ok) throw new Error(node.problem)
      return { request_put: { key: Buffer.from(nodeKey(name).text), value: Buffer.from(nodes.encode(node.value)) } }
    })
    await etcd.kv.txn({ success })
  }
  etcd.close()
}
