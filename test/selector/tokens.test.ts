import t from 'tap'
import { readTokens } from '../../src/selector/tokens.ts'

/** The kinds of the tokens, with the text of those that have one. */
function summaryOf(text: string): string[] {
  return readTokens(text).map((token) => (token.text === '' ? token.kind : `${token.kind} ${token.text}`))
}

const texts: readonly (readonly [text: string, tokens: readonly string[]])[] = [
  ['', ['end']],
  [' \t ', ['end']],
  ['\n', ['unreadable a label name']],
  ['\r', ['unreadable a label name']],
  ['\u00a0', ['unreadable a label name']],
  ['== != ! && || ( ) { } ,', ['==', '!=', '!', '&&', '||', '(', ')', '{', '}', ',', 'end']],
  ['==!=!!&&||(){},', ['==', '!=', '!', '!', '&&', '||', '(', ')', '{', '}', ',', 'end']],
  ['=', ['unreadable "=="']],
  ['&', ['unreadable "&&"']],
  ['|', ['unreadable "||"']],
  ['&&&', ['&&', 'unreadable "&&"']],
  ['a=', ['label a', 'unreadable "=="']],
  ['"a\'b" \'c"d\'', ["string a'b", 'string c"d', 'end']],
  ["'line\nbreak \\'", ['string line\nbreak \\', 'end']],
  ["''", ['string', 'end']],
  ['"a\'', ['unreadable the closing " of the string']],
  ['\'a"', ["unreadable the closing ' of the string"]],
  ['in in', ['label in', 'in', 'end']],
  ['not not in', ['label not', 'not in', 'end']],
  ['not in', ['label not', 'in', 'end']],
  ['contains contains', ['label contains', 'contains', 'end']],
  ['starts starts with', ['label starts', 'starts with', 'end']],
  ['ends endswith', ['label ends', 'ends with', 'end']],
  ['a starts \t with', ['label a', 'starts with', 'end']],
  ['a starts\nwith', ['label a', `unreadable ${operators()}`]],
  ["a contains'x'", ['label a', 'contains', 'string x', 'end']],
  ["a in{'x'", ['label a', 'in', '{', 'string x', 'end']],
  ['a inside', ['label a', `unreadable ${operators()}`]],
  ['a in/', ['label a', `unreadable ${operators()}`]],
  ['a in-', ['label a', `unreadable ${operators()}`]],
  ['a containsx', ['label a', `unreadable ${operators()}`]],
  ['a In', ['label a', `unreadable ${operators()}`]],
  ['a has(b)', ['label a', `unreadable ${operators()}`]],
  ["'a' in", ['string a', 'label in', 'end']],
  ['has(a)', ['has a', 'end']],
  ['has( \t a \t )', ['has a', 'end']],
  ['has(has)', ['has has', 'end']],
  ['has', ['label has', 'end']],
  ['has (a)', ['label has', '(', 'label a', ')', 'end']],
  ['has(a', ['unreadable ")"']],
  ['has(a b)', ['unreadable ")"']],
  ['has(', ['unreadable a label name']],
  ['all()global( )', ['all', 'global', 'end']],
  ['all(', ['unreadable ")"']],
  ['xall()', ['label xall', '(', ')', 'end']],
  ['allx()', ['label allx', '(', ')', 'end']],
  ['a.b/c-d_e9', ['label a.b/c-d_e9', 'end']],
  ['a:b', ['label a', `unreadable ${operators()}`]],
]

function operators(): string {
  return 'an operator (==, !=, in, not in, contains, starts with, ends with)'
}

for (const [text, tokens] of texts) {
  t.test(`${JSON.stringify(text)} is ${tokens.join(', ')}`, (t) => {
    t.strictSame(summaryOf(text), tokens)
    t.end()
  })
}

t.test('a token knows where it begins', (t) => {
  const positions = readTokens(`  a == 'b' && has( c )  `).map((token) => token.position)
  t.strictSame(positions, [2, 4, 7, 11, 14, 24])
  t.end()
})

t.test('a label name has at most 512 characters', (t) => {
  const longest = 'a'.repeat(512)
  t.strictSame(summaryOf(longest), [`label ${longest}`, 'end'])
  t.strictSame(summaryOf(`has(${longest})`), [`has ${longest}`, 'end'])
  t.strictSame(summaryOf(`${longest}a`), ['unreadable a label name of at most 512 characters'])
  t.strictSame(summaryOf(`has(${longest}a)`), ['unreadable a label name of at most 512 characters'])
  t.end()
})
