import t from 'tap'
import { BlockIndex } from '../../src/model/index.ts'
import { calicoGroup, groupsOf, ippooldGroup, pathOf, resourceKinds } from '../../src/resources/index.ts'

const kinds = resourceKinds(new BlockIndex())

t.test('objects carry the group and version that etcd has, not the one of the CRDs', (t) => {
  t.equal(calicoGroup.apiVersion, 'projectcalico.org/v3')
  t.strictSame(groupsOf(kinds), [calicoGroup, ippooldGroup])
  for (const { name, version, apiVersion } of groupsOf(kinds)) t.equal(apiVersion, `${name}/${version}`)
  t.end()
})

t.test('the paths of all kinds differ, and so do their plurals, by which policies name them', (t) => {
  t.ok(kinds.map(pathOf).includes('/apis/ippoold.io/v1/accesspolicies'))
  for (const names of [kinds.map(pathOf), kinds.map(({ plural }) => plural), kinds.map(({ kind }) => kind)])
    t.equal(new Set(names).size, kinds.length)
  t.end()
})
