import t from 'tap'
import { isLabelKey, isLabelValue, isNameOf, nameLengthMax } from '../../../src/resources/object/index.ts'
import { isAnnotationKey } from '../../../src/resources/object/names.ts'

type Table = readonly (readonly [text: string, isRight: boolean])[]

function check(name: string, test: (text: string) => boolean, table: Table): void {
  t.test(name, (t) => {
    for (const [text, isRight] of table) t.equal(test(text), isRight, JSON.stringify(text.slice(0, 80)))
    t.end()
  })
}

check(
  'an object has the name of a DNS subdomain, its parts as long as it likes',
  (text) => isNameOf('subdomain', text),
  [
    ['a', true],
    ['my.ippool-1', true],
    ['0', true],
    ['', false],
    ['A', false],
    ['a_b', false],
    ['-a', false],
    ['a-', false],
    ['a--b', true],
    ['.a', false],
    ['a.', false],
    ['a..b', false],
    ['a.-b', false],
    ['a/b', false],
    ['é', false],
    ['a\n', false],
    ['x'.repeat(100), true],
    ['x'.repeat(nameLengthMax), true],
    ['x'.repeat(nameLengthMax + 1), false],
  ],
)

check('some objects have the name of a path segment', (text) => isNameOf('path segment', text), [
  ['ippoold:view', true],
  ['A_b~c', true],
  ['...', true],
  ['', false],
  ['.', false],
  ['..', false],
  ['a/b', false],
  ['a%2Fb', false],
  ['a b', false],
  ['a?b', false],
  ['é', false],
  ['x'.repeat(nameLengthMax), true],
  ['x'.repeat(nameLengthMax + 1), false],
])

check('a label has a word for its name, after a prefix if it likes', isLabelKey, [
  ['a', true],
  ['A.b_c-D', true],
  ['10', true],
  ['constructor', true],
  ['', false],
  ['-a', false],
  ['a-', false],
  ['__proto__', false],
  ['a b', false],
  ['projectcalico.org/kube-labels', true],
  ['Example.org/a', false],
  ['/a', false],
  ['a/', false],
  ['a/b/c', false],
  ['x'.repeat(63), true],
  ['x'.repeat(64), false],
  [`${'x'.repeat(nameLengthMax)}/a`, true],
  [`${'x'.repeat(nameLengthMax + 1)}/a`, false],
])

check('a label has a word for its value, or nothing', isLabelValue, [
  ['', true],
  ['a', true],
  ['A.b_c-D', true],
  ['a/b', false],
  ['a-', false],
  ['x'.repeat(63), true],
  ['x'.repeat(64), false],
])

check('an annotation is named like a label, in any case', isAnnotationKey, [
  ['a', true],
  ['Example.org/A', true],
  ['kubectl.kubernetes.io/last-applied-configuration', true],
  ['a b', false],
])
