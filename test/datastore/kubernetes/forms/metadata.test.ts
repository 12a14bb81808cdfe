import t from 'tap'
import { packMetadata, unpackMetadata } from '../../../../src/datastore/kubernetes/forms/metadata.ts'
import { type JsonObject, parseJson, stringifyJson } from '../../../../src/model/index.ts'

const packed = (value: object): string => JSON.stringify(value)

/** The same as plain JSON: the objects of the model inherit from nothing. */
function plain(json: JsonObject): unknown {
  return JSON.parse(stringifyJson(json))
}

t.test('packed metadata is what users of the v1 group see, merged with that of the object', (t) => {
  const metadata = {
    name: 'pool-a',
    uid: 'u-1',
    resourceVersion: '284',
    generation: 1,
    creationTimestamp: '2026-11-29T12:47:24Z',
    labels: { own: 'kubectl', team: 'red' },
    finalizers: ['foreign'],
    ownerReferences: [{ name: 'x' }],
    managedFields: [{ manager: 'kubectl' }],
    annotations: {
      own: 'a',
      'projectcalico.org/metadata': packed({
        name: 'wrong',
        uid: 'wrong',
        creationTimestamp: '2026-11-29T12:47:20Z',
        labels: { team: 'blue' },
        annotations: { note: 'n1' },
        finalizers: ['ippoold.io/addresses'],
      }),
    },
  }
  t.strictSame(plain(unpackMetadata('v1', metadata)), {
    name: 'pool-a',
    uid: 'u-1',
    creationTimestamp: '2026-11-29T12:47:20Z',
    finalizers: ['ippoold.io/addresses'],
    labels: { own: 'kubectl', team: 'blue' },
    annotations: { own: 'a', note: 'n1' },
  })
  t.end()
})

t.test('an object without packed metadata is seen as it is', (t) => {
  const metadata = { name: 'pool-a', uid: 'u-1', labels: { a: 'b' }, finalizers: ['f'], generation: 2 }
  const seen = { name: 'pool-a', uid: 'u-1', labels: { a: 'b' }, finalizers: ['f'] }
  t.strictSame(plain(unpackMetadata('v1', metadata)), seen)
  t.strictSame(plain(unpackMetadata('v3', metadata)), seen)
  const broken = { ...metadata, annotations: { 'projectcalico.org/metadata': '{' } }
  t.match(plain(unpackMetadata('v1', broken)), seen, 'nor is anything lost when the annotation is broken')
  t.end()
})

t.test('in the v1 group, everything is packed, and the object keeps what it had', (t) => {
  const stored = {
    metadata: {
      name: 'pool-a',
      uid: 'u-1',
      resourceVersion: '7',
      labels: { helm: 'mine', gone: 'x', 'projectcalico.org/kind': 'old' },
      annotations: { 'projectcalico.org/metadata': '{}' },
      managedFields: [],
    },
  }
  const seen = {
    name: 'pool-a',
    uid: 'u-other',
    generation: 3,
    labels: { helm: 'mine', team: 'blue', 'projectcalico.org/kind': 'new' },
    annotations: { note: 'n1', 'operator.tigera.io/x': 'y' },
    finalizers: ['ippoold.io/addresses'],
  }
  const { labels, annotations, finalizers } = seen
  t.strictSame(plain(packMetadata('v1', seen, stored)), {
    name: 'pool-a',
    uid: 'u-1',
    resourceVersion: '7',
    labels: { helm: 'mine', 'projectcalico.org/kind': 'new' },
    annotations: {
      'operator.tigera.io/x': 'y',
      'projectcalico.org/metadata': packed({ labels, annotations, finalizers }),
    },
  })
  t.strictSame(plain(packMetadata('v1', { name: 'new', uid: 'planned' }, undefined)), {
    name: 'new',
    annotations: { 'projectcalico.org/metadata': '{}' },
  })
  t.end()
})

t.test('in the v3 group, metadata is plain', (t) => {
  const stored = { metadata: { name: 'a', uid: 'u-1', resourceVersion: '7', labels: { gone: 'x' }, managedFields: [] } }
  const seen = { name: 'a', uid: 'planned', labels: { team: 'blue' }, creationTimestamp: 'planned' }
  t.strictSame(plain(packMetadata('v3', seen, stored)), {
    name: 'a',
    uid: 'u-1',
    resourceVersion: '7',
    labels: { team: 'blue' },
  })
  t.end()
})

t.test('what is packed is what is seen again', (t) => {
  const seen = { name: 'a', creationTimestamp: '2026-11-29T12:47:24Z', labels: { b: '1' }, annotations: { c: '<&>' } }
  const parsed = parseJson(stringifyJson(packMetadata('v1', seen, undefined)))
  t.ok(parsed.ok)
  t.strictSame(parsed.ok && plain(unpackMetadata('v1', parsed.value as JsonObject)), seen)
  t.end()
})
