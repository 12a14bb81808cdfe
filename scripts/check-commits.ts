import { spawnSync } from 'node:child_process'

/** Commits after this one are held to the rule. A bad subject that has been published is passed by moving this on. */
const ruleSince = '2976e00ea54b9ee46a5480e1b83c9a362842dbdc'

const subjectLengthMax = 72

/** Words that end like a participle or a third person, and are imperatives. */
const imperatives = new Set(
  'bring embed exceed feed focus need ping proceed ring seed shed speed string succeed swing bias alias bus canvas'.split(
    ' ',
  ),
)

/** What an imperative sentence does not begin with. */
const beginnings = new Set(
  (
    'a all an and another any are as at be been but by can each every few for from has have he how if in into is it its ' +
    'many more most never no nobody none nothing of on one only or other our she so some such than that the their there ' +
    'they this those to too two we what when where whether which who whoever whose why will with without you your'
  ).split(' '),
)

/** Says what is wrong with the subject of a commit; undefined when nothing is. */
export function problemOf(subject: string): string | undefined {
  if (/^Revert "/.test(subject)) return undefined
  const { length } = subject
  if (length > subjectLengthMax) return `has ${length} characters; shorten it to ${subjectLengthMax}`
  const [, text] = /^[^:]+: (\S.*)$/.exec(subject) ?? []
  if (text === undefined) return 'names no area; write "area: what"'
  const word = /^[\p{L}-]+/u.exec(text)?.[0].toLowerCase() ?? ''
  const isVerb = imperatives.has(word) || !(word === '' || beginnings.has(word) || /(ed|ing|[^s]s)$/.test(word))
  return isVerb ? undefined : `begins with "${word}"; begin with an imperative, such as "add"`
}

/** Runs git; undefined when it fails, or when there is none. */
function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' })
  return status === 0 ? stdout : undefined
}

if (import.meta.main) {
  const commits = git('log', '--no-merges', '--format=%h %s', `${ruleSince}..HEAD`)
  // A shallow clone, or the files without their history.
  if (commits === undefined) process.stdout.write(`Subjects of commits are not checked: ${ruleSince} is not here.\n`)
  for (const line of (commits ?? '').split('\n').filter((line) => line !== '')) {
    const subject = line.slice(line.indexOf(' ') + 1)
    const problem = problemOf(subject)
    if (problem === undefined) continue
    process.stderr.write(`${line}\n  ${problem}\n`)
    process.exitCode = 1
  }
}
