import t from 'tap'
import { skipWithoutKubeApiserver } from './apiserver/binary.ts'
import type { ApiAnswer } from '../support/kubernetes/api-client.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { createNode, installCalico } from '../support/kubernetes/calico-cluster.ts'
import { calicoGroups, calicoPath } from '../support/kubernetes/calico-definitions.ts'
import { emptyBlock, renumber } from '../support/kubernetes/calico/block.ts'
import { CalicoClient } from '../support/kubernetes/calico/client.ts'
import { affinityName, blockName } from '../support/kubernetes/calico/names.ts'
import { stopAfter, toEnd } from '../support/kubernetes/calico/steps.ts'

/** What ippoold relies on, or has to bear, when it shares a Kubernetes API server with Calico. */

const skip = skipWithoutKubeApiserver()

t.test('facts of a Kubernetes API server with Calico', { skip }, async (t) => {
  const { client } = await startApiServer(t)
  for (const group of calicoGroups) {
    await installCalico(client, group)
    const calico = new CalicoClient(client, group, 'node-1')
    const blocks = calicoPath(group, 'ipamblocks')
    let cidrs = 0
    /** A new block of node-1, and its path. */
    const claim = async () => {
      const cidr = `10.0.${cidrs++}.0/30`
      await toEnd(calico.claim(cidr))
      const path = `${blocks}/${blockName(cidr)}`
      const read = async () => {
        const block = await calico.blocks.read(blockName(cidr))
        if (block === undefined) throw new Error(`there is no block ${cidr}`)
        return block
      }
      return { cidr, path, read }
    }
    const put = (path: string, object: object): Promise<ApiAnswer> => client.request('PUT', path, object)
    const remove = (path: string, preconditions: object): Promise<ApiAnswer> => {
      return client.request('DELETE', path, { apiVersion: 'v1', kind: 'DeleteOptions', preconditions })
    }

    await t.test(`${group}: a write is a compare-and-swap`, async (t) => {
      const { path, read } = await claim()
      const before = await read()
      const changed = { ...before, spec: renumber(before.spec) }
      const { resourceVersion: _, ...versionless } = before.metadata
      t.match(await put(path, { ...changed, metadata: versionless }), {
        status: 422,
        body: { message: /must be specified for an update/ },
      })
      const otherUid = { ...before.metadata, uid: '00000000-0000-4000-8000-000000000000' }
      t.match(await put(path, { ...changed, metadata: otherUid }), {
        status: 409,
        body: { message: /UID in precondition/ },
      })
      t.match(await put(path, changed), { status: 200 })
      t.match(await put(path, changed), { status: 409, body: { reason: 'Conflict', message: /has been modified/ } })
    })

    await t.test(`${group}: a write that changes nothing is no fence`, async (t) => {
      const { path, read } = await claim()
      const before = await read()
      t.match(await put(path, before), { status: 200 })
      t.equal((await read()).metadata.resourceVersion, before.metadata.resourceVersion)
      t.match(await put(path, { ...before, spec: renumber(before.spec) }), { status: 200 })
      t.match(await put(path, before), { status: 409 })
    })

    await t.test(`${group}: compare-and-delete works`, async (t) => {
      const { path, read } = await claim()
      const { uid, resourceVersion } = (await read()).metadata
      t.match(await remove(path, { uid, resourceVersion: '1' }), { status: 409 })
      t.match(await remove(path, { uid: '00000000-0000-4000-8000-000000000000', resourceVersion }), { status: 409 })
      t.match(await remove(path, { uid, resourceVersion }), { status: 200 })
      t.match(await remove(path, { uid, resourceVersion }), { status: 404 })
    })

    await t.test(`${group}: a patch may test a field`, async (t) => {
      const { path, read } = await claim()
      const { sequenceNumber } = (await read()).spec
      const patch = (from: number | bigint) => {
        const steps = [
          { op: 'test', path: '/spec/sequenceNumber', value: from },
          { op: 'replace', path: '/spec/sequenceNumber', value: BigInt(from) + 1n },
        ]
        return client.request('PATCH', path, steps, 'application/json-patch+json')
      }
      t.match(await patch(sequenceNumber), { status: 200 })
      t.match(await patch(sequenceNumber), { status: 422 })
      t.equal((await read()).spec.sequenceNumber, BigInt(sequenceNumber) + 1n)
    })

    await t.test(`${group}: a block that is revived is deleted by a slower client all the same`, async (t) => {
      const { path, read } = await claim()
      const before = await read()
      const slow = calico.blocks.delete(before)
      await slow.next()
      const marked = await client.get<typeof before.spec>(path)
      t.equal(marked.spec.deleted, true)
      t.match(await put(path, { ...marked, spec: { ...marked.spec, deleted: false } }), { status: 200 })
      await toEnd(slow)
      t.equal(await client.find(path), undefined)
    })

    await t.test(`${group}: a block that is created anew is safe from a slower client`, async (t) => {
      const { cidr, path, read } = await claim()
      const slow = calico.blocks.delete(await read())
      await slow.next()
      t.equal(await calico.blocks.read(blockName(cidr)), undefined, 'to read it ends the deletion')
      const anew = await calico.blocks.create(blockName(cidr), emptyBlock(cidr, 'host:node-1'))
      await t.rejects(toEnd(slow), /409.*the UID in the precondition .* does not match the UID in record/)
      t.equal((await client.get(path)).metadata.uid, anew?.metadata.uid)
    })

    await t.test(`${group}: a block that is being deleted is in lists`, async (t) => {
      const { cidr, path } = await claim()
      await stopAfter(calico.releaseAffinity(cidr), 'block soft-deleted')
      const listed = (await calico.blocks.list()).map(({ spec }) => spec.cidr)
      t.ok(listed.includes(cidr))
      const created = await calico.blocks.create(blockName(cidr), emptyBlock(cidr, 'host:node-1'))
      t.equal(created, undefined, 'and cannot be created')
      t.equal(await calico.blocks.read(blockName(cidr)), undefined)
      t.equal(await client.find(path), undefined)
    })

    await t.test(`${group}: what others put on a block goes with Calico’s next write`, async (t) => {
      const { cidr, path } = await claim()
      const marks = { labels: { team: 'blue' }, annotations: { note: 'n' }, finalizers: ['example.org/keep'] }
      t.match(await client.merge(path, { metadata: marks }), { metadata: marks })
      await toEnd(calico.assign(cidr, 'h'))
      const { labels, annotations = {}, finalizers } = (await client.get(path)).metadata
      t.strictSame(
        { labels, note: annotations['note'], finalizers },
        { labels: undefined, note: undefined, finalizers: undefined },
      )
    })

    await t.test(`${group}: what others put into the attributes of an address stays`, async (t) => {
      const { cidr, path, read } = await claim()
      await toEnd(calico.assign(cidr, 'h', { node: 'node-1', 'ippoold.key': 'k' }))
      await toEnd(calico.assign(cidr, 'i'))
      await toEnd(calico.release(cidr, 'i'))
      t.match((await read()).spec.attributes, [{ handle_id: 'h', secondary: { 'ippoold.key': 'k' } }], path)
    })

    await t.test(`${group}: handles that differ in case share one object`, async (t) => {
      const { cidr, read } = await claim()
      await toEnd(calico.assign(cidr, 'Foo'))
      await toEnd(calico.assign(cidr, 'foo'))
      const handle = await calico.handles.read('foo')
      t.match(handle, { metadata: { name: 'foo' }, spec: { handleID: 'Foo', block: { [cidr]: 2 } } })
      t.equal((await toEnd(calico.releaseByHandle('foo'))).length, 1, 'only that of foo')
      t.match(await calico.handles.read('foo'), { spec: { handleID: 'Foo', block: { [cidr]: 1 } } })
      t.match((await read()).spec.attributes, [{ handle_id: 'Foo' }])
    })

    await t.test(`${group}: names that Kubernetes cannot store`, async (t) => {
      const { cidr } = await claim()
      for (const handle of ['a_b', 'a/b', 'a:b', 'a b', '-a', 'a.', 'a'.repeat(254)]) {
        const answer = toEnd(calico.assign(cidr, handle))
        await t.rejects(answer, /422/, handle)
      }
      for (const handle of ['a-b', 'a.b', '0', 'a'.repeat(253)]) t.ok(await toEnd(calico.assign(cidr, handle)), handle)
      await t.rejects(createNode(client, 'node_x'), /422/)
    })

    await t.test(`${group}: an affinity without labels is not found by its host`, async (t) => {
      const { cidr, read } = await claim()
      const path = calicoPath(group, 'blockaffinities', affinityName('node-1', cidr))
      await client.merge(path, { metadata: { labels: null } })
      const other = `10.1.${cidrs}.0/30`
      t.equal((await toEnd(calico.autoAssign([cidr, other], 'unlabelled')))?.cidr, other)
      t.equal((await read()).spec.affinity, 'host:node-1')
    })
  }
})
