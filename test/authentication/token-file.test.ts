import t from 'tap'
import { readCsv } from '../../src/authentication/csv.ts'
import { hashOf } from '../../src/authentication/secrets.ts'
import { readTokenFile } from '../../src/authentication/token-file.ts'

t.test('CSV is read as Go does', async (t) => {
  const cases: readonly (readonly [string, readonly (readonly string[])[] | RegExp])[] = [
    ['', []],
    ['a,b,c', [['a', 'b', 'c']]],
    ['a,b,c\n', [['a', 'b', 'c']]],
    ['a,b\r\nc\r\n', [['a', 'b'], ['c']]],
    ['\n\na\n\n\nb\n', [['a'], ['b']]],
    [' a , b', [[' a ', ' b']]],
    ['a,,c,', [['a', '', 'c', '']]],
    ['"a,b",c', [['a,b', 'c']]],
    ['"a ""quoted"" b"', [['a "quoted" b']]],
    ['""', [['']]],
    ['"two\nlines",b\nc', [['two\nlines', 'b'], ['c']]],
    ['# no comment,b', [['# no comment', 'b']]],
    ['a,b"c', /line 1: a quotation mark may stand only at the beginning/],
    ['a\nb, "c"', /line 2: a quotation mark may stand only at the beginning/],
    ['"a', /line 1: a quotation mark is not closed/],
    ['a\n"b""', /line 2: a quotation mark is not closed/],
    ['"a"b', /line 1: a comma or the end of the line must follow/],
    ['"a" ,b', /line 1: a comma or the end of the line must follow/],
    ['"one\ntwo"\nx"', /line 3: a quotation mark may stand only/],
  ]
  for (const [text, expected] of cases) {
    const reading = readCsv(text)
    if (expected instanceof RegExp) t.match(reading, { ok: false, problem: expected }, JSON.stringify(text))
    else t.strictSame(reading.ok && reading.records.map(({ fields }) => fields), expected, JSON.stringify(text))
  }
})

const token = 'a-token-that-is-long-enough'

t.test('a token file gives users by their tokens', async (t) => {
  const cases = [
    [`${token},alice,1`, { user: 'alice', uid: '1', groups: [] }],
    [`${token},alice,`, { user: 'alice', uid: undefined, groups: [] }],
    [`${token},alice,1,`, { user: 'alice', uid: '1', groups: [] }],
    [`${token},alice,1,blue`, { user: 'alice', uid: '1', groups: ['blue'] }],
    [`${token},alice,1,"blue,ippoold:admins",more`, { user: 'alice', uid: '1', groups: ['blue', 'ippoold:admins'] }],
    [`"${token}",system:node:a,1,system:nodes`, { user: 'system:node:a', uid: '1', groups: ['system:nodes'] }],
  ] as const
  for (const [text, caller] of cases) {
    const reading = readTokenFile(text)
    t.strictSame(reading.ok && reading.users.get(hashOf(token)), caller, text)
    t.strictSame(reading.ok && reading.warnings, [], text)
    t.equal(reading.ok && reading.users.get(hashOf('another-token')), undefined)
  }
})

t.test('what is odd in a token file is told, and never a token', async (t) => {
  const cases = [
    [`,alice,1`, /^line 1: the token is empty; the record is skipped$/],
    [`short,alice,1`, /^line 1: the token is so short that it can be guessed$/],
    [`${token},alice,1\n${token},bob,2`, /^line 2: the token stands in an earlier record too$/],
  ] as const
  for (const [text, warning] of cases) {
    const reading = readTokenFile(text)
    t.match(reading, { ok: true, warnings: [warning] }, text)
    t.notMatch(JSON.stringify(reading.ok && reading.warnings), token)
  }
  const doubled = readTokenFile(`${token},alice,1\n${token},bob,2`)
  t.equal(doubled.ok && doubled.users.get(hashOf(token))?.user, 'bob', 'the last record counts, as in kube-apiserver')
  for (const [text, problem] of [
    [`${token},alice`, /^line 1: a record has at least the fields token, user and uid, found 2$/],
    [`${token},alice,1\n${token}`, /^line 2: .* found 1$/],
    [`${token},,1`, /^line 1: the user has no name$/],
    [`${token},"alice,1`, /^line 1: a quotation mark is not closed$/],
  ] as const) {
    t.match(readTokenFile(text), { ok: false, problem }, text)
  }
})
