import t from 'tap'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'
import { check, findLeftovers } from '../faults/checker.ts'
import type { Call } from '../faults/history.ts'
import { readKubernetesHistory, registryPrefix } from '../faults/kubernetes-history.ts'
import { Random } from '../faults/random.ts'
import { Recorder } from '../faults/recorder.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { createIn, installCalico } from '../support/kubernetes/calico-cluster.ts'
import { calicoGroups, calicoPath } from '../support/kubernetes/calico-definitions.ts'
import { emptyBlock, type BlockSpec, renumber } from '../support/kubernetes/calico/block.ts'
import { type CalicoAssignment, CalicoClient } from '../support/kubernetes/calico/client.ts'
import { blockName } from '../support/kubernetes/calico/names.ts'
import { stopAfter, toEnd } from '../support/kubernetes/calico/steps.ts'
import { volume } from '../support/volume.ts'

/** The versions of the objects of an API server tell what the versions of Calico's keys tell. */

const skip = skipWithoutKubeApiserver()
const pool = ['10.9.0.0/30', '10.9.0.4/30', '10.9.0.8/30', '10.9.0.12/30']

/** Calls that were made, in the terms of the checker. */
class Calls {
  readonly made: Call[] = []
  #handles = 0

  /** Assigns an address to a handle of its own. */
  async assign(client: CalicoClient): Promise<CalicoAssignment | undefined> {
    const [handle, invoked] = [`h-${this.#handles++}`, performance.now()]
    const assignment = await toEnd(client.autoAssign(pool, handle))
    const given = assignment === undefined ? [] : [assignment]
    this.#note({ kind: 'assign', handle, invoked, given, outcome: assignment === undefined ? 'refused' : 'ok' })
    return assignment
  }

  async release(client: CalicoClient, { handle, ...target }: CalicoAssignment): Promise<void> {
    const invoked = performance.now()
    const released = await toEnd(client.release(target.cidr, handle))
    this.#note({ kind: 'release', handle, invoked, targets: [{ handle, ...target }], released, outcome: 'ok' })
  }

  #note(call: Pick<Call, 'kind' | 'handle' | 'invoked' | 'outcome'> & Partial<Call>): void {
    const rest = { id: this.made.length, server: 0, status: 0, count: 1, given: [], targets: [], released: [] }
    this.made.push({ ...rest, returned: performance.now(), ...call })
  }
}

t.test('the history of an API server', { skip }, async (t) => {
  const { client, etcd } = await startApiServer(t)
  for (const group of calicoGroups) {
    await installCalico(client, group)
    await createIn(client, group, 'IPPool', 'small', { cidr: '10.9.0.0/28', blockSize: 30 })
    const nodes = ['node-1', 'node-2', 'node-3'].map((node) => new CalicoClient(client, group, node))
    const [first = new CalicoClient(client, group, 'node-1')] = nodes
    const calls = new Calls()
    const record = async () => {
      const recorder = new Recorder([etcd.endpoint], registryPrefix(group))
      t.teardown(() => recorder.close())
      // The recorder waits for the newest key, which does not tell of a deletion behind it.
      const now = { 'example.org/recorded-at': String(performance.now()) }
      await client.merge(calicoPath(group, 'clusterinformations', 'default'), { metadata: { annotations: now } })
      await recorder.finish()
      const { revisions, revived } = readKubernetesHistory(recorder.revisions, group)
      const history = { calls: calls.made, revisions, writeUnit: 'object' } as const
      return { violations: check(history), leftovers: findLeftovers(history), revived }
    }
    const invariants = async () => new Set((await record()).violations.map(({ invariant }) => invariant))

    const seed = Math.trunc(performance.now())
    await t.test(`${group}: several clients of Calico keep all promises (seed ${seed})`, async (t) => {
      const rounds = volume(400)
      await Promise.all(
        [...nodes, ...nodes].map(async (node, worker) => {
          const random = new Random(seed + worker)
          const held: CalicoAssignment[] = []
          for (let round = 0; round < rounds / 6; round++) {
            const oldest = held.length > 1 + random.below(3) ? held.shift() : undefined
            if (oldest !== undefined) await calls.release(node, oldest)
            else {
              const assignment = await calls.assign(node)
              if (assignment !== undefined) held.push(assignment)
            }
          }
          for (const assignment of held) await calls.release(node, assignment)
        }),
      )
      t.ok(calls.made.filter(({ given }) => given.length > 0).length > rounds / 4, 'addresses were assigned')
      t.strictSame(await record(), { violations: [], leftovers: [], revived: [] })
    })

    await t.test(`${group}: what a client leaves half done is left over`, async (t) => {
      const cidr = '10.9.1.0/30'
      await stopAfter(first.claim(cidr), 'block created')
      await stopAfter(first.assign(cidr, 'half'), 'handle written')
      const { violations, leftovers } = await record()
      t.strictSame(violations, [])
      t.match(leftovers, [
        /handle half says \[\["10\.9\.1\.0\/30",1\]\], its blocks \[\]/,
        /is of node-1/,
        /unfinished/,
      ])
      await toEnd(first.heal(cidr))
      await toEnd(first.assign(cidr, 'half'))
      await toEnd(first.release(cidr, 'half'))
      await toEnd(first.releaseAffinity(cidr))
      await client.delete(calicoPath(group, 'ipamhandles', 'half'))
      t.strictSame((await record()).leftovers, [])
    })

    await t.test(`${group}: theft, loss and revival are found`, async (t) => {
      const assignment = await calls.assign(first)
      if (assignment === undefined) throw new Error('the pool is full')
      const path = calicoPath(group, 'ipamblocks', blockName(assignment.cidr))
      const block = await client.get<BlockSpec>(path)
      const stolen = block.spec.attributes.map((attribute) => {
        return attribute.handle_id === assignment.handle ? { handle_id: 'thief' } : attribute
      })
      await client.replace(path, { ...block, spec: renumber({ ...block.spec, attributes: stolen }) } as typeof block)
      t.ok((await invariants()).has('no-theft'))
      t.ok((await invariants()).has('explained'), 'nobody named the thief')

      const present = await client.get<BlockSpec>(path)
      await client.delete(path, { uid: present.metadata.uid })
      t.ok((await invariants()).has('durable'))

      await first.blocks.create(blockName('10.9.2.0/30'), emptyBlock('10.9.2.0/30', 'host:node-1'))
      const other = await client.get<BlockSpec>(calicoPath(group, 'ipamblocks', blockName('10.9.2.0/30')))
      await first.blocks.delete(other).next()
      const marked = await client.get<BlockSpec>(calicoPath(group, 'ipamblocks', blockName('10.9.2.0/30')))
      await first.blocks.write(marked, { ...marked.spec, deleted: false })
      t.match((await record()).revived, [/ipamblocks 10-9-2-0-30 is revived/])
    })
  }
})
