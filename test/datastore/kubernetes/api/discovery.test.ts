import t from 'tap'
import { chooseGroup } from '../../../../src/datastore/kubernetes/api/discovery.ts'

t.test('the group is the one that Calico chooses', (t) => {
  const [v1, v3, other] = ['crd.projectcalico.org', 'projectcalico.org', 'apps']
  const cases: readonly (readonly [string, readonly string[], string | undefined, 'v1' | 'v3'])[] = [
    ['only v1', [other, v1], undefined, 'v1'],
    ['only v3', [other, v3], undefined, 'v3'],
    ["both: Calico's API server keeps its data in v1", [v3, v1], undefined, 'v1'],
    ['neither', [other], undefined, 'v1'],
    ['configured v3', [v3, v1], 'projectcalico.org/v3', 'v3'],
    ['configured v1', [v3], 'crd.projectcalico.org/v1', 'v1'],
    ['configured anything else', [v3], 'v3', 'v1'],
    ['configured to nothing', [v3], '', 'v3'],
  ]
  for (const [name, groups, configured, group] of cases) t.equal(chooseGroup(groups, configured), group, name)
  t.end()
})
