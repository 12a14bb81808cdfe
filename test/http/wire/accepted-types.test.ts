import t from 'tap'
import { acceptedTypes, covers } from '../../../src/http/wire/index.ts'

t.test('the types of an Accept header come in the order in which they are wanted', (t) => {
  const cases: readonly (readonly [header: string | undefined, types: readonly string[]])[] = [
    [undefined, ['*/*']],
    ['', []],
    ['application/json', ['application/json']],
    ['text/html, Application/JSON; charset=utf-8', ['text/html', 'application/json']],
    ['a/b;q=0.5, c/d, e/f;q=0.9, g/h', ['c/d', 'g/h', 'e/f', 'a/b']],
    ['a/b;q=0, c/d;q=0.0, e/f;q=0.001', ['e/f']],
    ['a/b;q=high', ['a/b']],
  ]
  for (const [header, types] of cases)
    t.strictSame(
      acceptedTypes(header).map(({ type }) => type),
      types,
      String(header),
    )
  t.end()
})

t.test('parameters are told, but for how much a type is wanted', (t) => {
  const [range] = acceptedTypes('application/json; As=Table;v="v1" ;g=meta.k8s.io;q=0.8;flag')
  t.strictSame(Object.fromEntries(range?.parameters ?? []), { as: 'Table', v: 'v1', g: 'meta.k8s.io', flag: '' })
  t.end()
})

t.test('a range covers a type, all types of a sort, or everything', (t) => {
  const cases = [
    ['application/json', true],
    ['application/*', true],
    ['*/*', true],
    ['application/yaml', false],
    ['text/*', false],
    ['app/*', false],
  ] as const
  for (const [type, want] of cases) t.equal(covers({ type, parameters: new Map() }, 'application/json'), want, type)
  t.end()
})
