import t from 'tap'
import { formsIn } from '../../../../src/datastore/kubernetes/forms/index.ts'
import { ImageFeed } from '../../../../src/datastore/kubernetes/objects/index.ts'
import { HeldFamily } from '../../../../src/datastore/image/index.ts'
import {
  affinities,
  affinityKey,
  type JsonObject,
  parseJson,
  stringifyJson,
  virtualAffinities,
} from '../../../../src/model/index.ts'
import { mustParseCidr } from '../../../../src/net/index.ts'

const cidr = mustParseCidr('10.0.0.8/29')
const ofNode = affinityKey({ type: 'host', name: 'load-balancer' }, cidr).text
const ofVirtualHost = affinityKey({ type: 'virtual', name: 'load-balancer' }, cidr).text

/** An affinity of `load-balancer`, at a version. */
function affinityAt(version: number, spec: object = {}): JsonObject {
  const object = {
    metadata: {
      name: 'load-balancer-10-0-0-8-29',
      resourceVersion: String(version),
      labels: { a: 'b' },
      managedFields: [{ manager: 'x' }],
    },
    spec: { cidr: '10.0.0.8/29', node: 'load-balancer', type: 'host', state: 'confirmed', deleted: 'false', ...spec },
  }
  const parsed = parseJson(JSON.stringify(object))
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value as JsonObject
}

/** A feed, and what the families that it feeds have in memory. */
function startFeed() {
  const form = formsIn('v1', 'default')(affinities)
  if (form === undefined) throw new Error('affinities have a form')
  const [nodes, virtual] = [affinities, virtualAffinities].map((family) => {
    return new HeldFamily(family, undefined, () => undefined)
  })
  if (nodes === undefined || virtual === undefined) throw new Error('there are two families')
  const kept = (key: string): string | undefined => {
    const lookup = (key === ofNode ? nodes : virtual).lookup(key)
    if (lookup?.kind !== 'value') return lookup?.kind
    return `${affinities.encode(lookup.value as never)} at ${lookup.revision}`
  }
  return { feed: new ImageFeed(form, [nodes, virtual]), nodes, virtual, kept }
}

t.test('objects are held under the keys of their families', (t) => {
  const { feed, nodes, virtual, kept } = startFeed()
  feed.listed([affinityAt(7)], 10n)
  feed.reached(10n)
  t.equal(kept(ofNode), '{"state":"confirmed","deleted":false} at 7')
  t.equal(kept(ofVirtualHost), 'absent')
  t.strictSame([nodes.completeRevision, virtual.completeRevision], [10n, 10n])
  t.equal(
    stringifyJson(feed.metadataOf(ofNode) ?? null),
    '{"name":"load-balancer-10-0-0-8-29","resourceVersion":"7","labels":{"a":"b"}}',
  )
  t.equal(feed.metadataOf(ofVirtualHost), undefined, 'the object has another key')
  t.end()
})

t.test('changes are applied, and what is marked as deleted is gone', (t) => {
  const { feed, kept } = startFeed()
  feed.listed([], 10n)
  feed.changed('ADDED', affinityAt(11, { state: 'pending' }), 11n)
  t.equal(kept(ofNode), '{"state":"pending","deleted":false} at 11')
  feed.changed('MODIFIED', affinityAt(12), 12n)
  t.equal(kept(ofNode), '{"state":"confirmed","deleted":false} at 12')
  feed.changed('MODIFIED', affinityAt(13, { deleted: 'true' }), 13n)
  t.equal(kept(ofNode), 'absent')
  t.equal(feed.metadataOf(ofNode), undefined)
  feed.changed('DELETED', affinityAt(14, { deleted: 'true' }), 14n)
  t.equal(kept(ofNode), 'absent')
  feed.changed('ADDED', affinityAt(15, { type: 'virtual' }), 15n)
  t.match(kept(ofVirtualHost), / at 15$/)
  feed.changed('DELETED', affinityAt(16, { type: 'virtual' }), 16n)
  t.equal(kept(ofVirtualHost), 'absent')
  t.end()
})

t.test('an object that holds another key now has left the first', (t) => {
  const { feed, kept } = startFeed()
  feed.listed([affinityAt(7)], 10n)
  feed.changed('MODIFIED', affinityAt(11, { type: 'virtual' }), 11n)
  t.equal(kept(ofNode), 'absent')
  t.match(kept(ofVirtualHost), / at 11$/)
  t.end()
})

t.test('a list tells what is gone', (t) => {
  const { feed, kept } = startFeed()
  feed.listed([affinityAt(7)], 10n)
  feed.listed([affinityAt(20, { deleted: 'true' })], 21n)
  t.equal(kept(ofNode), 'absent')
  feed.listed([affinityAt(30)], 31n)
  t.match(kept(ofNode), / at 30$/)
  feed.listed([], 40n)
  t.equal(kept(ofNode), 'absent')
  t.end()
})

t.test('a key that others create while a commit writes it is known as created', (t) => {
  const { feed, nodes } = startFeed()
  feed.listed([affinityAt(7)], 10n)
  nodes.awaitCommit(ofNode)
  feed.changed('MODIFIED', affinityAt(11), 11n)
  t.equal(nodes.createdAside(affinities.prefix), undefined)
  feed.changed('DELETED', affinityAt(12), 12n)
  feed.changed('ADDED', affinityAt(13), 13n)
  feed.changed('MODIFIED', affinityAt(14), 14n)
  t.equal(nodes.createdAside(affinities.prefix), ofNode)
  t.end()
})
