import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { startIppoold } from '../../support/ippoold.ts'
import { ippoolShell, type Run } from '../../support/ippool.ts'

/**
 * Carries out the commands of transcript.txt, in their order on one server, and compares what they print with what stands there. Lines
 * of standard error begin with `! `; an exit code that is not 0 follows in brackets. What differs each time is replaced by its name.
 * With IPPOOL_WRITE_TRANSCRIPT=1 the outputs are written instead.
 */

t.setTimeout(240_000)

const file = new URL('transcript.txt', import.meta.url)
const isWriting = process.env['IPPOOL_WRITE_TRANSCRIPT'] === '1'

interface Block {
  /** The lines before the command: comments, and empty ones. */
  readonly before: string
  readonly command: string
  readonly printed: string
}

function blocksOf(text: string): readonly Block[] {
  return [
    ...text.matchAll(/((?:^(?:#.*)?\n)*)^\$ (.*(?:\n> .*)*)\n((?:^(?!\$ |#|$).*\n|^\n(?!#|\$|\n|$(?![^])))*)/gm),
  ].map(([, before = '', command = '', printed = '']) => ({ before, command, printed }))
}

/** Words for what differs from run to run. */
const differing: readonly (readonly [pattern: RegExp, word: string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME'],
  [/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'UID'],
  [/\b1\d{18}\b/g, 'SEQUENCE'],
  [/(resourceVersion"?: ?"?)\d+/g, '$1REVISION'],
  [/(revision"?: ?")\d+/g, '$1REVISION'],
  [/(continue"?: ?"?)(?!null)\w+/g, '$1TOKEN'],
  // With the blanks that fill its column.
  [/\b\d+[sm]\b +/g, 'AGE '],
  [/\b\d+[sm]$/gm, 'AGE'],
  [/ippoold_\w{49}/g, 'SECRET'],
  [/\b[\da-f]{64}\b/g, 'SHA256'],
  [/127\.0\.0\.1:\d+/g, 'SERVER'],
]

function print({ stdout, stderr, code }: Run): string {
  const complaints = stderr === '' ? '' : `${stderr.trimEnd().replaceAll(/^/gm, '! ')}\n`
  const text = `${stdout}${complaints}${code === 0 ? '' : `[exit ${String(code)}]\n`}`
  return differing.reduce((all, [pattern, word]) => all.replaceAll(pattern, word), text)
}

t.test('every command prints what the transcript says', async (t) => {
  const { servers } = await startIppoold(t)
  const shell = await ippoolShell(t, servers[0]?.url)
  const blocks = blocksOf(readFileSync(file, 'utf8'))
  t.ok(blocks.length > 50, 'there are commands')
  const now: string[] = []
  for (const { before, command, printed } of blocks) {
    const output = print(await shell.run(command.replaceAll('\n> ', '\n')))
    if (!isWriting) t.equal(output, printed, command)
    now.push(`${before}$ ${command}\n${output}`)
  }
  if (isWriting) writeFileSync(file, now.join(''))
  else t.equal(now.join(''), readFileSync(file, 'utf8'), 'nothing of the file is left out')
})
