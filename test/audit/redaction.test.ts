import t from 'tap'
import { redactText } from '../../src/audit/redaction.ts'

t.test('what has the form of a secret is replaced wherever it stands in the text of an event', async (t) => {
  const jwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln'
  const [secret, bearer] = [`ippoold_${'a'.repeat(49)}`, 'Bearer abc/d=']
  const rows: readonly (readonly [text: string, want: string])[] = [
    [jwt, '[redacted]'],
    [`a ${jwt}, ${jwt} b`, 'a [redacted], [redacted] b'],
    [`id-${jwt}`, 'id-[redacted]'],
    [`file.x.${jwt}.txt`, 'file.x.[redacted]'],
    [`eyJhbGciOiJub25lIn0..${jwt}`, 'eyJhbGciOiJub25lIn0..[redacted]'],
    ['eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0'],
    ['eyJ.a.b', 'eyJ.a.b'],
    [secret, '[redacted]'],
    [bearer, '[redacted]'],
    ...[jwt, secret, bearer].map((one) => [JSON.stringify(`a\n${one}`), '"a\\n[redacted]"'] as const),
  ]
  for (const [text, want] of rows) t.equal(redactText(text), want, text)
})

t.test('a text of a megabyte with many beginnings of a token is looked at once', async (t) => {
  // If the rest was looked at for each beginning, this would take minutes.
  for (const part of ['eyJ-', 'eyJaaaaaaaa-', 'eyJaaaaaaaa.', 'eyJaaaaaaaa..', 'ippoold_', 'Bearer ', '.']) {
    const text = part.repeat(1_000_000 / part.length)
    t.ok(redactText(text).length <= text.length, part)
  }
})
