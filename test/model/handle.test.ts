import fc from 'fast-check'
import t from 'tap'
import {
  addToHandle,
  normalizeHandleId,
  type Handle,
  handleKey,
  handles,
  isHandleId,
  setHandleCount,
} from '../../src/model/index.ts'

const key = '/calico/ipam/v2/handle/net1.c1'

function mustDecode(text: string): Handle {
  const decoded = handles.decode(key, text)
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

t.test('the id is in the key as it is', (t) => {
  t.equal(handleKey('net1.c1').text, key)
  t.equal(handleKey('net1.c1').family, handles)
  t.ok(key.startsWith(handles.prefix))
  t.end()
})

t.test('ids that keys cannot carry or readers cut are refused', (t) => {
  for (const id of ['a', 'k8s-pod-network.4f2e', 'ä ö', 'a%2fb', '😀', '..']) t.equal(isHandleId(id), true, id)
  for (const id of ['', '/', 'a/b', 'a\rb', '\ud800']) t.equal(isHandleId(id), false, JSON.stringify(id))
  t.end()
})

t.test('ids compare up to the first carriage return', (t) => {
  t.equal(normalizeHandleId('a'), 'a')
  t.equal(normalizeHandleId('a\rb\rc'), 'a')
  t.equal(normalizeHandleId(''), '')
  t.end()
})

t.test('handles come back byte for byte', (t) => {
  const texts = [
    '{"block":{"10.10.0.8/29":2,"fd00::40/122":1},"deleted":false}',
    '{"block":{"10.10.0.8/29":1},"deleted":false}',
    '{"block":{},"deleted":true}',
    '{"block":{"10.10.0.8/29":0},"deleted":false,"later":{"a":1.0}}',
  ]
  for (const text of texts) t.equal(handles.encode(mustDecode(text)), text)
  t.end()
})

t.test('any order and spelling of names is read, and written in order', (t) => {
  const text = '{"Deleted":false,"BLOCK":{"fd00::40/122":1,"10.10.0.8/29":2,"10.10.0.16/29":3}}'
  const want = '{"block":{"10.10.0.16/29":3,"10.10.0.8/29":2,"fd00::40/122":1},"deleted":false}'
  t.equal(handles.encode(mustDecode(text)), want)
  t.equal(handles.encode(mustDecode('{}')), '{"block":{},"deleted":false}')
  t.end()
})

t.test('what cannot be read is a problem', (t) => {
  const cases: [key: string, text: string, problem: RegExp][] = [
    [key, '{"block":{"10.10.0.8/29":1.5}}', /^block\.10\.10\.0\.8\/29: expected a whole number/],
    [key, '{"block":[]}', /^block: /],
    [key, '{"deleted":0}', /^deleted: /],
    [key, 'null,', /^not JSON: /],
    [`${handles.prefix}a/b`, '{}', /not the key of a handle$/],
    [handles.prefix, '{}', /not the key of a handle$/],
    ['/calico/other', '{}', /not the key of a handle$/],
  ]
  for (const [key, text, problem] of cases) t.match(handles.decode(key, text), { ok: false, problem }, text)
  t.end()
})

t.test('addresses are added to the count of their block', (t) => {
  const one = addToHandle(undefined, '10.10.0.8/29', 2)
  t.equal(handles.encode(one), '{"block":{"10.10.0.8/29":2},"deleted":false}')
  const two = addToHandle(addToHandle(one, '10.10.0.8/29', 1), '10.10.0.0/29', 1)
  t.equal(handles.encode(two), '{"block":{"10.10.0.0/29":1,"10.10.0.8/29":3},"deleted":false}')
  t.equal(one.blocks.get('10.10.0.8/29'), 2, 'the handle before is as it was')
  t.end()
})

t.test('a count can be set, and a handle without counts is deleted', (t) => {
  const handle = mustDecode('{"block":{"a":5,"b":1},"deleted":false,"x":1}')
  const encoded = (handle: Handle | undefined): string | undefined => handle && handles.encode(handle)
  t.equal(encoded(setHandleCount(handle, 'a', 2)), '{"block":{"a":2,"b":1},"deleted":false,"x":1}')
  const rest = setHandleCount(handle, 'a', 0)
  t.equal(encoded(rest), '{"block":{"b":1},"deleted":false,"x":1}')
  t.equal(setHandleCount(rest, 'b', 0), undefined)
  t.equal(setHandleCount(undefined, 'b', 0), undefined)
  t.equal(encoded(setHandleCount(undefined, 'b', 1)), '{"block":{"b":1},"deleted":false}')
  t.end()
})

t.test('whatever is counted comes back', (t) => {
  const counts = fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1 })))
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(counts, (counts) => {
        const blocks = new Map(counts)
        const handle = counts.reduce<Handle | undefined>(
          (handle, [cidr, n]) => setHandleCount(handle, cidr, n),
          undefined,
        )
        const read = handle === undefined ? new Map() : mustDecode(handles.encode(handle)).blocks
        return read.size === blocks.size && [...blocks].every(([cidr, n]) => read.get(cidr) === n)
      }),
    )
  })
  t.end()
})
