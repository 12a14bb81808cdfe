import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/**
 * The rules of the house that no other tool looks at. Each names the place and says what to do; a rule that is in the way is
 * changed here, for everybody.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const lineWidthMax = 140
const fileLinesMax = 500

interface File {
  readonly path: string
  readonly lines: readonly string[]
}

function filesBelow(...paths: readonly string[]): File[] {
  return paths.flatMap((path) => {
    const absolute = join(root, path)
    const stat = statSync(absolute, { throwIfNoEntry: false })
    if (stat === undefined) return []
    if (stat.isDirectory()) return filesBelow(...readdirSync(absolute).map((name) => join(path, name)))
    return [{ path: relative(root, absolute), lines: readFileSync(absolute, 'utf8').split('\n') }]
  })
}

const code = filesBelow('src', 'test', 'bench', 'ui').filter((file) => /\.(tsx?|js)$/.test(file.path))
const prose = filesBelow(
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'docs'],
  ...['Dockerfile', 'docker-compose.yml', '.ci', '.taprc', 'package.json', 'openapi'],
)

/** The places where `wrong` finds something, each as `path:line: advice`. */
function places(files: readonly File[], wrong: RegExp, advice: string): string[] {
  return files.flatMap((file) =>
    file.lines.flatMap((line, index) => (wrong.test(line) ? [`${file.path}:${index + 1}: ${advice}`] : [])),
  )
}

t.test('there is something to look at', async (t) => {
  t.ok(code.length > 20)
  t.ok(prose.length > 5)
})

t.test('a line of code fits a screen', async (t) => {
  // A text does not count: stored bytes, for one, are shown as they are.
  const withoutTexts = code.map(({ path, lines }) => ({
    path,
    lines: lines.map((line) => line.replaceAll(/(['"`])(\\.|(?!\1).)*\1/g, '')),
  }))
  const advice = `longer than ${lineWidthMax} characters; break it, or run "npm run format"`
  t.strictSame(places(withoutTexts, new RegExp(`^.{${lineWidthMax + 1},}$`, 'u'), advice), [])
})

t.test('a file can be read in one go', async (t) => {
  const long = code.filter((file) => file.lines.length > fileLinesMax)
  const advice = `more than ${fileLinesMax} lines; find the second noun in it, and give that a file of its own`
  t.strictSame(
    long.map((file) => `${file.path}: ${advice}`),
    [],
  )
})

t.test('nothing is left for later inside the code', async (t) => {
  // Assembled, so that this file does not find itself.
  const markers = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')
  t.strictSame(places(code, new RegExp(`\\b(${markers})\\b`), 'do it, or file an issue and delete the remark'), [])
})

t.test('one thing has one name everywhere', async (t) => {
  // tap asks for the default export of its coverage map.
  const files = code.filter((file) => file.path !== 'test/coverage-map.js')
  t.strictSame(places(files, /^export default\b/, 'export it by name'), [])
})

t.test('types leave no code behind', async (t) => {
  const advice = 'use a union of literals, or an object with "as const"'
  t.strictSame(places(code, /^\s*(export )?(declare )?(const )?enum \w+ \{/, advice), [])
})

t.test('a line without coverage has its reason above it', async (t) => {
  const without = code.flatMap((file) =>
    file.lines.flatMap((line, index) => {
      const ignores = /\/[*/] (c8|v8) ignore (next|start|file)/.test(line)
      return ignores && !/^\s*(\/\/|\*)/.test(file.lines[index - 1] ?? '') ? [`${file.path}:${index + 1}`] : []
    }),
  )
  t.strictSame(without, [], 'write a comment above it that says why no test can get there')
})

t.test('every folder of src has a public face', async (t) => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const faceless = folders.filter(
    ({ name }) => !statSync(join(root, 'src', name, 'index.ts'), { throwIfNoEntry: false }),
  )
  t.strictSame(
    faceless.map(({ name }) => `src/${name}: give it an index.ts that names what other folders may import`),
    [],
  )
})

t.test('nothing knows the machine it was written on', async (t) => {
  const machine = /(^|[\s"'`(=:])\/(home|root|Users|work|tmp)\/[\w.-]/
  t.strictSame(
    places([...code, ...prose], machine, 'take the path from the environment, or relative to the repository'),
    [],
  )
})
