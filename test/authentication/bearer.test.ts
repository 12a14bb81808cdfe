import t from 'tap'
import { readAuthorization } from '../../src/authentication/bearer.ts'

t.test('the header Authorization brings one token', async (t) => {
  const cases = [
    [undefined, { kind: 'none' }],
    ['', { kind: 'none' }],
    ['  ', { kind: 'none' }],
    ['Bearer abc', { kind: 'bearer', token: 'abc' }],
    ['bearer abc', { kind: 'bearer', token: 'abc' }],
    ['BEARER   a.b-c_d~e+f/g== ', { kind: 'bearer', token: 'a.b-c_d~e+f/g==' }],
    ['Bearer', { kind: 'unreadable', problem: /no token/ }],
    ['Bearer ', { kind: 'unreadable', problem: /no token/ }],
    ['Bearer a b', { kind: 'unreadable', problem: /without spaces/ }],
    ['Bearer grün', { kind: 'unreadable', problem: /printable ASCII/ }],
    [`Bearer ${'a'.repeat(16_385)}`, { kind: 'unreadable', problem: /at most 16384/ }],
    ['Basic YTpi', { kind: 'unreadable', problem: /must be "Bearer"/ }],
    ['abc', { kind: 'unreadable', problem: /must be "Bearer"/ }],
  ] as const
  for (const [header, expected] of cases) {
    const given = readAuthorization(header)
    t.match(given, expected, `${header}`)
    if (given.kind === 'unreadable') t.notMatch(given.problem, /YTpi|grün/)
  }
})

t.test('a header that is as long as Node lets it be is read in one pass', async (t) => {
  // If each space was the beginning of a look at all after it, a thousand of these would take minutes.
  const header = `Bearer a${' '.repeat(16_000)}b`
  for (let n = 0; n < 1_000; n++) readAuthorization(header)
  t.match(readAuthorization(header), { kind: 'unreadable' })
})
