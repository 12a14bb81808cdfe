import fc from 'fast-check'

/** A change of a text. */
type Mutation = (text: string) => string

/** The tokens of JSON text: strings, punctuation, words and numbers. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^{}[\],:"]+/g

/** Changes some tokens of a text, or some of its characters. */
export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc
    .record({
      places: fc.tuple(fc.nat(), fc.nat()),
      kind: fc.constantFrom('drop', 'repeat', 'swap', 'copy', 'replace'),
      other: fc.oneof(
        fc.constantFrom(
          '0',
          '1',
          '63',
          '01',
          '-1',
          '1.0',
          '1e2',
          'null',
          'true',
          'false',
          '{',
          '}',
          '[',
          ']',
          ',',
          ':',
          '"',
          '\\',
          ' ',
        ),
        fc.constantFrom(
          '""',
          '"7"',
          '"deleted"',
          '"Deleted"',
          '"handle_id"',
          '"secondary"',
          '"releasedAt"',
          '"x"',
          '"\\""',
          '{}',
          '[]',
        ),
        fc.constantFrom('"2026-11-23T04:00:00Z"', '"windows-reserved-ipam-handle"', '"host:b"', '18446744073709551615'),
      ),
    })
    .map(({ places, kind, other }): Mutation => {
      return (text) => {
        const parts = text.match(tokens) ?? ['']
        const [one, two] = places.map((place) => place % parts.length)
        const [first, second] = [parts[one ?? 0] ?? '', parts[two ?? 0] ?? '']
        if (kind === 'swap') parts[two ?? 0] = first
        const instead = { drop: '', repeat: `${first}${first}`, swap: second, copy: second, replace: other }
        parts[one ?? 0] = instead[kind]
        return parts.join('')
      }
    }),
  fc
    .record({ at: fc.nat(), length: fc.nat({ max: 3 }), inserted: fc.string({ unit: 'binary-ascii', maxLength: 2 }) })
    .map(({ at, length, inserted }): Mutation => {
      return (text) => {
        const start = at % (text.length + 1)
        return `${text.slice(0, start)}${inserted}${text.slice(start + length)}`
      }
    }),
)
