import t from 'tap'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { installCalico } from '../support/kubernetes/calico-cluster.ts'
import { calicoGroups } from '../support/kubernetes/calico-definitions.ts'
import { emptyBlock, isEmpty, strip } from '../support/kubernetes/calico/block.ts'
import { CalicoClient } from '../support/kubernetes/calico/client.ts'
import { affinityLabels, affinityName, blockName } from '../support/kubernetes/calico/names.ts'
import { listSteps, type Step, type Steps, stopAfter, toEnd } from '../support/kubernetes/calico/steps.ts'

/** The instrument that writes as Calico does: docs/calico/formats.md section 2.3, on objects of Kubernetes. */

const skip = skipWithoutKubeApiserver()

t.test('names are Calico’s', async (t) => {
  t.equal(blockName('10.0.0.64/26'), '10-0-0-64-26')
  t.equal(blockName('fd00:10::40/122'), 'fd00-10--40-122')
  t.equal(affinityName('node-1', '10.0.0.64/26'), 'node-1-10-0-0-64-26')
  t.match(affinityName('n'.repeat(250), '10.0.0.64/26'), /^n{227}-10-0-0-64-26-[0-9a-f]{11}$/)
  const hash = 'A3XPYDATRKB7Q4SM2O5FN4RXIHBFIL2PITFX26BAIP5XAB2X74CA'
  t.equal(affinityLabels('node-1', '10.0.0.64/26')['projectcalico.org/hostname-hash'], hash)
})

/** What is there of a block before or after an operation of `node-1`. */
interface Scene {
  /** The state of the affinity of node-1. */
  readonly affinity?: 'pending' | 'confirmed' | 'pendingDeletion' | ''
  readonly block?: 'of node-1' | 'of node-2' | 'of nobody'
}

/** What Calico makes of an affinity that it finds. */
const healings: readonly (readonly [before: Scene, after: Scene, steps: readonly Step[]])[] = [
  [
    { affinity: 'pending' },
    { affinity: 'confirmed', block: 'of node-1' },
    ['affinity pending', 'block created', 'affinity confirmed'],
  ],
  [
    { affinity: 'pending', block: 'of node-1' },
    { affinity: 'confirmed', block: 'of node-1' },
    ['affinity pending', 'block written', 'affinity confirmed'],
  ],
  [{ affinity: 'pending', block: 'of node-2' }, { block: 'of node-2' }, ['affinity soft-deleted', 'affinity deleted']],
  [{ affinity: 'pending', block: 'of nobody' }, { block: 'of nobody' }, ['affinity soft-deleted', 'affinity deleted']],
  [{ affinity: 'confirmed', block: 'of node-1' }, { affinity: 'confirmed', block: 'of node-1' }, []],
  [{ affinity: '', block: 'of node-1' }, { affinity: '', block: 'of node-1' }, []],
  [
    { affinity: 'confirmed' },
    { affinity: 'confirmed', block: 'of node-1' },
    ['affinity pending', 'block created', 'affinity confirmed'],
  ],
  [
    { affinity: 'confirmed', block: 'of node-2' },
    { block: 'of node-2' },
    ['affinity soft-deleted', 'affinity deleted'],
  ],
  [
    { affinity: 'pendingDeletion', block: 'of node-1' },
    { affinity: 'confirmed', block: 'of node-1' },
    ['affinity pending', 'block written', 'affinity confirmed'],
  ],
  [
    { affinity: 'pendingDeletion' },
    { affinity: 'confirmed', block: 'of node-1' },
    ['affinity pending', 'block created', 'affinity confirmed'],
  ],
  [
    { affinity: 'pendingDeletion', block: 'of nobody' },
    { block: 'of nobody' },
    ['affinity soft-deleted', 'affinity deleted'],
  ],
  [{ block: 'of node-1' }, { block: 'of node-1' }, []],
]

t.test('a client that writes as Calico does', { skip }, async (t) => {
  const { client } = await startApiServer(t)
  for (const group of calicoGroups) {
    await installCalico(client, group)
    const node1 = new CalicoClient(client, group, 'node-1')
    const node2 = new CalicoClient(client, group, 'node-2')
    let cidrs = 0
    const newCidr = (): string => `10.0.${cidrs++}.0/30`

    /** Writes objects as a scene has them. */
    const set = async (cidr: string, { affinity, block }: Scene): Promise<void> => {
      const spec = { cidr, node: 'node-1', type: 'host', deleted: node1.affinities.noDeletion }
      const labels = affinityLabels('node-1', cidr)
      if (affinity !== undefined) {
        await node1.affinities.create(affinityName('node-1', cidr), { ...spec, state: affinity }, labels)
      }
      const owned = emptyBlock(cidr, `host:${block === 'of node-2' ? 'node-2' : 'node-1'}`)
      if (block !== undefined) await node1.blocks.create(blockName(cidr), block === 'of nobody' ? strip(owned) : owned)
    }
    const look = async (cidr: string): Promise<Scene> => {
      const affinity = await node1.affinities.read(affinityName('node-1', cidr))
      const block = await node1.blocks.read(blockName(cidr))
      const host = block?.spec.affinity?.replace('host:', '') ?? 'nobody'
      return {
        ...(affinity !== undefined && { affinity: affinity.spec.state as Scene['affinity'] & string }),
        ...(block !== undefined && { block: `of ${host}` as Scene['block'] & string }),
      }
    }
    const countOf = async (handle: string, cidr: string): Promise<number | undefined> => {
      return (await node1.handles.read(handle))?.spec.block[cidr]
    }

    for (const [before, after, steps] of healings) {
      await t.test(`${group}: heals ${JSON.stringify(before)}`, async (t) => {
        const cidr = newCidr()
        await set(cidr, before)
        t.strictSame(await listSteps(node1.heal(cidr)), steps)
        t.strictSame(await look(cidr), after)
        t.strictSame(await listSteps(node1.heal(cidr)), [], 'nothing is left to heal')
      })
    }

    await t.test(`${group}: claims, assigns, releases, and gives up a block`, async (t) => {
      const cidr = newCidr()
      t.strictSame(await listSteps(node1.claim(cidr)), ['affinity pending', 'block created', 'affinity confirmed'])
      t.strictSame(await look(cidr), { affinity: 'confirmed', block: 'of node-1' })
      t.equal(await toEnd(node1.claim(cidr)), 'claimed', 'again')
      t.equal(await toEnd(node2.claim(cidr)), 'already claimed', 'by another')
      t.equal(await node2.affinities.read(affinityName('node-2', cidr)), undefined, 'which leaves nothing')

      const first = await toEnd(node1.assign(cidr, 'h'))
      const second = await toEnd(node2.assign(cidr, 'h'))
      t.match([first, second], [{ address: cidr.replace('/30', '') }, { address: cidr.replace('0/30', '1') }])
      t.equal(BigInt(second?.sequenceNumber ?? 0), BigInt(first?.sequenceNumber ?? 0) + 1n)
      t.equal(await countOf('h', cidr), 2)
      t.equal(await toEnd(node1.releaseAffinity(cidr, { mustBeEmpty: true })), 'not empty')
      t.strictSame(await toEnd(node1.releaseByHandle('h')), [first?.address, second?.address])
      t.equal(await countOf('h', cidr), undefined)
      t.equal(await toEnd(node1.releaseByHandle('h')), 'does not exist')
      const block = await node1.blocks.read(blockName(cidr))
      t.match(block?.spec, { allocations: [null, null, null, null], unallocated: [2, 3, 0, 1], attributes: [] })

      const leaving = ['affinity pendingDeletion', 'block soft-deleted', 'block deleted', 'affinity soft-deleted']
      t.strictSame(await listSteps(node1.releaseAffinity(cidr)), [...leaving, 'affinity deleted'])
      t.strictSame(await look(cidr), {})
      t.equal(await toEnd(node1.releaseAffinity(cidr)), 'does not exist')
    })

    await t.test(`${group}: a block in use outlives its affinity until its last address goes`, async (t) => {
      const cidr = newCidr()
      await toEnd(node1.claim(cidr))
      await toEnd(node1.assign(cidr, 'lasting'))
      const leaving = ['affinity pendingDeletion', 'block stripped', 'affinity soft-deleted', 'affinity deleted']
      t.strictSame(await listSteps(node1.releaseAffinity(cidr)), leaving)
      t.strictSame(await look(cidr), { block: 'of nobody' })
      t.equal(await toEnd(node2.claim(cidr)), 'already claimed', 'a block of nobody is nobody’s to claim')
      t.ok(await toEnd(node2.assign(cidr, 'borrower')), 'but to borrow from')
      await toEnd(node2.release(cidr, 'borrower'))
      t.strictSame(await look(cidr), { block: 'of nobody' })
      await toEnd(node1.release(cidr, 'lasting'))
      t.strictSame(await look(cidr), {})
    })

    await t.test(`${group}: another client finishes what one has begun`, async (t) => {
      // Each step at which a claim, or its end, may stop, and what healing makes of it.
      const stops: readonly (readonly [begin: 'claim' | 'releaseAffinity', last: Step, left: Scene, healed: Scene])[] =
        [
          ['claim', 'affinity pending', { affinity: 'pending' }, { affinity: 'confirmed', block: 'of node-1' }],
          [
            'claim',
            'block created',
            { affinity: 'pending', block: 'of node-1' },
            { affinity: 'confirmed', block: 'of node-1' },
          ],
          [
            'releaseAffinity',
            'affinity pendingDeletion',
            { affinity: 'pendingDeletion', block: 'of node-1' },
            { affinity: 'confirmed', block: 'of node-1' },
          ],
          // To read it ends the deletion.
          [
            'releaseAffinity',
            'block soft-deleted',
            { affinity: 'pendingDeletion' },
            { affinity: 'confirmed', block: 'of node-1' },
          ],
          [
            'releaseAffinity',
            'block deleted',
            { affinity: 'pendingDeletion' },
            { affinity: 'confirmed', block: 'of node-1' },
          ],
          ['releaseAffinity', 'affinity soft-deleted', {}, {}],
        ]
      for (const [operation, last, left, healed] of stops) {
        const cidr = newCidr()
        if (operation === 'releaseAffinity') await toEnd(node1.claim(cidr))
        await stopAfter(node1[operation](cidr), last)
        t.strictSame(await look(cidr), left, `${operation} stops after ${last}`)
        await toEnd(node1.heal(cidr))
        t.strictSame(await look(cidr), healed, 'and is healed')
      }
    })

    await t.test(`${group}: whoever stops between handle and block leaves a handle that counts too much`, async (t) => {
      const cidr = newCidr()
      await toEnd(node1.claim(cidr))
      await stopAfter(node1.assign(cidr, 'half'), 'handle written')
      t.equal(await countOf('half', cidr), 1)
      t.ok(isEmpty((await node1.blocks.read(blockName(cidr)))?.spec ?? emptyBlock(cidr, '')))
      t.strictSame(await toEnd(node1.releaseByHandle('half')), [])
      t.equal(await countOf('half', cidr), 1, 'and Calico leaves it so')

      await toEnd(node1.assign(cidr, 'other'))
      await stopAfter(node1.release(cidr, 'other'), 'block written')
      t.equal(await countOf('other', cidr), 1)
    })

    await t.test(`${group}: who writes a block second writes it again`, async (t) => {
      const cidr = newCidr()
      await toEnd(node1.claim(cidr))
      const slow: Steps<unknown> = node1.assign(cidr, 'slow')
      await slow.next()
      const fast = await toEnd(node2.assign(cidr, 'fast'))
      t.equal(fast?.address, cidr.replace('/30', ''))
      t.match(await toEnd(slow), { address: cidr.replace('0/30', '1'), handle: 'slow' })
      t.equal(await countOf('slow', cidr), 1)
    })

    await t.test(`${group}: takes its own block first, then a new one, then another’s`, async (t) => {
      const pool = [newCidr(), newCidr()]
      const of = async (node: CalicoClient, handle: string) => (await toEnd(node.autoAssign(pool, handle)))?.cidr
      t.equal(await of(node1, 'a'), pool[0])
      t.equal(await of(node2, 'b'), pool[1])
      for (const handle of ['c', 'd', 'e']) t.equal(await of(node1, handle), pool[0])
      t.equal(await of(node1, 'f'), pool[1])
      for (const handle of ['g', 'h']) await of(node2, handle)
      t.equal(await of(node1, 'i'), undefined)
    })
  }
})
