import t from 'tap'
import { apiVersion, group, version } from '../../src/resources/index.ts'

t.test('objects carry the group and version that etcd has, not the one of the CRDs', (t) => {
  t.equal(apiVersion, 'projectcalico.org/v3')
  t.equal(apiVersion, `${group}/${version}`)
  t.end()
})
