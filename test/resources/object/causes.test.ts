import t from 'tap'
import { JsonNumber } from '../../../src/model/index.ts'
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  wrongType,
} from '../../../src/resources/object/index.ts'

t.test("a cause quotes the value, in Kubernetes' words", (t) => {
  t.strictSame(
    [
      invalid('spec.cidr', '10.1.0.0/99', 'must be a CIDR'),
      required('spec.cidr', 'the range'),
      notSupported('spec.ipipMode', 'always', ['Always', 'Never']),
      forbidden('spec.disabled', 'not now'),
      duplicate('spec.allowedUses[1]', 'Tunnel'),
      wrongType('spec.blockSize', true, 'a whole number'),
    ],
    [
      { field: 'spec.cidr', reason: 'FieldValueInvalid', message: 'Invalid value: "10.1.0.0/99": must be a CIDR' },
      { field: 'spec.cidr', reason: 'FieldValueRequired', message: 'Required value: the range' },
      {
        field: 'spec.ipipMode',
        reason: 'FieldValueNotSupported',
        message: 'Unsupported value: "always": supported values: "Always", "Never"',
      },
      { field: 'spec.disabled', reason: 'FieldValueForbidden', message: 'Forbidden: not now' },
      { field: 'spec.allowedUses[1]', reason: 'FieldValueDuplicate', message: 'Duplicate value: "Tunnel"' },
      {
        field: 'spec.blockSize',
        reason: 'FieldValueTypeInvalid',
        message: 'Invalid value: true: must be a whole number',
      },
    ],
  )
  t.end()
})

t.test('any value can be quoted, and a long one is cut', (t) => {
  const shown: readonly (readonly [Parameters<typeof invalid>[1], string])[] = [
    [null, 'null'],
    [26.5, '26.5'],
    [new JsonNumber('1795406400123456789'), '1795406400123456789'],
    [['a', {}], '["a",{}]'],
    ['x'.repeat(98), `"${'x'.repeat(98)}"`],
    ['x'.repeat(99), `"${'x'.repeat(99)}...`],
  ]
  for (const [value, text] of shown) t.equal(invalid('f', value, 'no').message, `Invalid value: ${text}: no`)
  t.end()
})
