import t from 'tap'
import { type Annex, annexes, annexKey, annexPrefix } from '../../src/model/index.ts'

const annex: Annex = {
  uid: 'u',
  generation: 3,
  spec: { cidr: '10.0.0.0/24' },
  metadata: { managedFields: [{ manager: 'kubectl' }] },
}

const text =
  '{"uid":"u","generation":3,"spec":{"cidr":"10.0.0.0/24"},"metadata":{"managedFields":[{"manager":"kubectl"}]}}'

t.test("the annex of an object has a key by kind and name, outside of Calico's prefix", (t) => {
  t.equal(annexKey('ippools', 'my.pool').text, '/ippoold/v1/annexes/ippools/my.pool')
  t.equal(annexKey('ippools', 'my.pool').family, annexes)
  t.equal(annexPrefix('nodes'), '/ippoold/v1/annexes/nodes/')
  t.ok(annexPrefix('nodes').startsWith(annexes.prefix))
  t.end()
})

t.test('an annex is stored as JSON and read back', (t) => {
  t.equal(annexes.encode(annex), text)
  const decoded = annexes.decode('/ippoold/v1/annexes/ippools/p', text)
  t.match(decoded, { ok: true, value: annex })
  t.end()
})

t.test('absent fields are empty, and fields of another type cannot be read', (t) => {
  t.match(annexes.decode('', '{}'), { ok: true, value: { uid: '', generation: 0, spec: {}, metadata: {} } })
  for (const broken of ['[]', '{', '{"uid":1}', '{"generation":"1"}', '{"spec":[]}', '{"metadata":1}']) {
    t.match(annexes.decode('', broken), { ok: false }, broken)
  }
  t.end()
})
