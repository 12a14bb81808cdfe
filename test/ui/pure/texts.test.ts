import fc from 'fast-check'
import t from 'tap'
import { printCurl } from '../../../ui/src/api/curl.ts'
import { causesAt, readProblem } from '../../../ui/src/api/problem.ts'
import {
  diffLines,
  printAge,
  printCount,
  printCsv,
  printShare,
  printShort,
  printUtc,
  shareOf,
} from '../../../ui/src/text/index.ts'

const counts: readonly (readonly [count: bigint, long: string, short: string])[] = [
  [0n, '0', '0'],
  [9_999n, '9,999', '9,999'],
  [65_536n, '65,536', '65.5 k'],
  [16_777_216n, '16,777,216', '16.8 M'],
  [2n ** 80n, '2⁸⁰', '2⁸⁰'],
  [2n ** 80n - 192n, '1.2 × 10²⁴', '1.2 × 10²⁴'],
  [2n ** 128n, '2¹²⁸', '2¹²⁸'],
]

t.test('counts of any size can be read', async (t) => {
  for (const [count, long, short] of counts) {
    t.equal(printCount(count), long)
    t.equal(printShort(String(count)), short)
  }
})

const shares: readonly (readonly [part: string, whole: string, text: string])[] = [
  ['0', '0', '0 %'],
  ['0', '256', '0 %'],
  ['1', '16777216', '<0.1 %'],
  ['1', String(2n ** 128n), '<0.1 %'],
  ['12', '256', '4.7 %'],
  ['128', '256', '50 %'],
  ['16777215', '16777216', '>99.9 %'],
  ['256', '256', '100 %'],
]

t.test('only nothing is 0 %, and only all is 100 %', async (t) => {
  for (const [part, whole, text] of shares) t.equal(printShare(shareOf(part, whole)), text, `${part} of ${whole}`)
})

const ages: readonly (readonly [seconds: number, text: string])[] = [
  [1, '1 second ago'],
  [90, '1 minute ago'],
  [7_200, '2 hours ago'],
  [-172_800, 'in 2 days'],
]

t.test('an age has the largest unit that fits', async (t) => {
  const now = new Date('2026-11-30T12:00:00Z')
  for (const [seconds, text] of ages) t.equal(printAge(new Date(now.getTime() - seconds * 1000), now), text)
  t.equal(printUtc(now), '2026-11-30 12:00:00 UTC')
})

t.test('a field of CSV is quoted when it must be, and is no formula', async (t) => {
  t.equal(printCsv(['a', 'b'], [['1,2', 'say "x"']]), 'a,b\r\n"1,2","say ""x"""\r\n')
  t.equal(printCsv(['a'], [['=1+1'], ['-2'], ['@x']]), "a\r\n'=1+1\r\n-2\r\n'@x\r\n")
})

t.test('a difference leads from one text to the other', async (t) => {
  t.strictSame(diffLines('a\nb\nc', 'a\nx\nc'), [
    { kind: 'same', text: 'a' },
    { kind: 'removed', text: 'b' },
    { kind: 'added', text: 'x' },
    { kind: 'same', text: 'c' },
  ])
  t.doesNotThrow(() => {
    const texts = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1 }).map((lines) => lines.join('\n'))
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        const lines = diffLines(before, after)
        const without = (kind: string): string =>
          lines
            .filter((line) => line.kind !== kind)
            .map(({ text }) => text)
            .join('\n')
        return without('added') === before && without('removed') === after
      }),
    )
  })
})

t.test('curl sends what the page sends, and the token is no argument', async (t) => {
  const url = "http://127.0.0.1/ipam/v1/addresses?q=it's"
  const read = { method: 'GET', url, contentType: undefined, body: undefined, hasToken: false }
  t.equal(printCurl(read), String.raw`curl -sS 'http://127.0.0.1/ipam/v1/addresses?q=it'\''s'`)
  const write = {
    method: 'POST',
    url: 'http://127.0.0.1/x',
    contentType: 'application/json',
    body: '{"a":"b"}',
    hasToken: true,
  }
  t.equal(
    printCurl(write),
    [
      `curl -sS 'http://127.0.0.1/x'`,
      `-H "Authorization: Bearer $IPAM_TOKEN"`,
      `-H 'Content-Type: application/json'`,
      `--data-binary '{"a":"b"}'`,
    ].join(' \\\n  '),
  )
  t.match(printCurl({ ...read, method: 'DELETE' }), /^curl -sS -X DELETE /)
})

t.test("a refusal keeps the server's words, field by field", async (t) => {
  const causes = [{ field: 'spec.reservedCIDRs[0]', reason: 'FieldValueInvalid', message: 'give a CIDR' }]
  const problem = readProblem(422, { reason: 'Invalid', message: 'it is wrong', details: { causes } })
  t.strictSame(problem, { status: 422, reason: 'Invalid', message: 'it is wrong', causes })
  t.strictSame(causesAt(problem, 'spec.reservedCIDRs'), causes)
  t.strictSame(causesAt(problem, 'spec.reserved'), [])
  t.match(readProblem(502, '<html>'), { status: 502, message: 'The server answered with the status 502.', causes: [] })
})
