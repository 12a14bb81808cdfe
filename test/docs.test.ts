import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** Every reference to a document, to a section of one, or to a file leads somewhere, and inside of this repository. */

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

interface File {
  readonly path: string
  readonly text: string
}

function filesBelow(...paths: readonly string[]): File[] {
  return paths.flatMap((path) => {
    const absolute = join(root, path)
    if (!existsSync(absolute)) return []
    if (statSync(absolute).isDirectory()) {
      return filesBelow(...readdirSync(absolute).map((name) => join(path, name)))
    }
    return /\.(ts|js|cjs|md|go|py|java|sh)$/.test(path) ? [{ path, text: readFileSync(absolute, 'utf8') }] : []
  })
}

const thisFile = 'test/docs.test.ts'
const documents = filesBelow('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'docs', 'bench/README.md')
const others = filesBelow('src', 'test', 'bench', 'sdk', 'examples', 'eslint.config.js', '.dependency-cruiser.cjs')
const code = others.filter(({ path }) => path !== thisFile && !path.endsWith('.md'))

const comments = code.map(({ path, text }) => {
  return { path, text: text.replaceAll(/^(?!\s*(?:\/?\*|\/\/)).*$/gm, '') }
})

/** The text with every line break, and what begins a line of a comment, as one space: references go over the end of a line. */
function inOneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*(?:\*(?!\/)|\/\/|#(?= ))?\s*/g, ' ')
}

function headingsOf(path: string): readonly string[] {
  return [...readFileSync(join(root, path), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
}

function hasSection(path: string, number: string): boolean {
  return headingsOf(path).some((heading) => new RegExp(`^${number.replaceAll('.', '\\.')}\\.?( |$)`).test(heading))
}

/** The anchors that GitHub makes of the headings of a document. */
function anchorsOf(path: string): readonly string[] {
  return headingsOf(path).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

const sections = String.raw`(?:sections? )?(?<sections>\d+(?:\.\d+)*(?:(?:,| and| or)+ \d+(?:\.\d+)*)*)`

/** What is wrong with the words right after a reference to the document at `path`: numbers of sections, or a heading in quotes. */
function wrongPlaces(path: string, rest: string): readonly string[] {
  const numbers = new RegExp(`^,? ${sections}`).exec(rest)?.groups?.['sections']?.match(/\d+(?:\.\d+)*/g) ?? []
  const heading = /^, ["“]([^"”]+)["”]/.exec(rest)?.[1]
  return [
    ...numbers.filter((number) => !hasSection(path, number)).map((number) => `${path} has no section ${number}`),
    ...(heading === undefined || headingsOf(path).includes(heading) ? [] : [`${path} has no heading "${heading}"`]),
  ]
}

/** The file that `docs/…` means; a decision may be named by its number. */
function documentAt(path: string): string | undefined {
  const [, number] = /^docs\/decisions\/(\d{4})$/.exec(path) ?? []
  const decision = readdirSync(join(root, 'docs/decisions')).find((name) => name.startsWith(`${number ?? '?'}-`))
  if (decision !== undefined) return `docs/decisions/${decision}`
  return existsSync(join(root, path)) ? path : undefined
}

/** References of the form `docs/calico/ipam.md section 5.2`, anywhere. */
function brokenReferences({ text }: File): readonly string[] {
  const line = inOneLine(text)
  return [...line.matchAll(/(?<![\w/.:-])docs\/[\w/-]+(?:\.md)?/g)].flatMap(({ 0: reference, index }) => {
    if (reference.includes('NNNN')) return []
    const document = documentAt(reference.replace(/\/$/, ''))
    if (document === undefined) return [`there is no ${reference}`]
    return document.endsWith('.md') ? wrongPlaces(document, line.slice(index + reference.length)) : []
  })
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]+`/g, '')
}

/** Links of a document: to files, to anchors, and to a section that is named after the link. */
function brokenLinks({ path, text }: File): readonly string[] {
  const line = inOneLine(withoutCode(text))
  return [...line.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(({ 0: link, 1: target = '', index }) => {
    if (/^https?:/.test(target)) return []
    const [name = '', anchor] = target.split('#')
    const file = name === '' ? path : normalize(join(dirname(path), name))
    if (!existsSync(join(root, file))) return [`there is no ${file}`]
    if (anchor !== undefined && !anchorsOf(file).includes(anchor)) return [`${file} has no anchor ${anchor}`]
    return file.endsWith('.md') ? wrongPlaces(file, line.slice(index + link.length)) : []
  })
}

/** A section that a document names without naming a document is its own. */
function brokenOwnSections({ path, text }: File): readonly string[] {
  const own = new RegExp(
    String.raw`(?<!\.md\)?,? )(?<!RFC \d+,? )\bsections? ${sections.replace('(?:sections? )?', '')}`,
    'g',
  )
  return [...inOneLine(text).matchAll(own)].flatMap(({ groups }) =>
    (groups?.['sections']?.match(/\d+(?:\.\d+)*/g) ?? [])
      .filter((number) => !hasSection(path, number))
      .map((number) => `there is no section ${number} here`),
  )
}

/** Files that are named by their path: from the root, or in a list of files below `src` or `test`. */
function brokenPaths({ path, text }: File): readonly string[] {
  // What a record says of files was so when it was written.
  if (/^docs\/decisions\/\d/.test(path)) return []
  const fromRoot = [...text.matchAll(/(?<![\w/.@-])(?:src|test|bench|sdk|examples)\/[\w./-]*[\w/]/g)].map(
    ([name]) => name,
  )
  const listed = [...text.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.(?:ts|js))`/g)].map(([, name = '']) => name)
  const isThere = (name: string): boolean => ['', 'src', 'test'].some((folder) => existsSync(join(root, folder, name)))
  const missing = [
    ...fromRoot.filter((name) => !existsSync(join(root, name))),
    ...listed.filter((name) => !isThere(name)),
  ]
  return [...new Set(missing)].map((name) => `there is no ${name}`)
}

const ownDocuments = new Set(filesBelow('docs', 'bench', ...readdirSync(root)).map(({ path }) => basename(path)))

function foreignDocuments({ text }: File): readonly string[] {
  return [...text.matchAll(/(?<![\w.-])[\w-]+\.md\b/g)]
    .filter(([name]) => !ownDocuments.has(name) && name !== 'NNNN-title.md')
    .map(([name]) => `${name} is not in this repository`)
}

function problems(files: readonly File[], find: (file: File) => readonly string[]): readonly string[] {
  return files.flatMap((file) => [...new Set(find(file))].map((problem) => `${file.path}: ${problem}`))
}

t.test('there are documents, and code that refers to them', async (t) => {
  t.ok(documents.length > 20)
  t.ok(code.filter(({ text }) => text.includes('docs/calico/')).length > 50)
})

t.test('a reference to a document, or to a section of it, leads there', async (t) => {
  t.strictSame(problems([...documents, ...code], brokenReferences), [])
})

t.test('a link in a document leads to a file, and to a heading in it', async (t) => {
  t.strictSame(problems(documents, brokenLinks), [])
})

t.test('a section that a document refers to in itself is there', async (t) => {
  t.strictSame(problems(documents, brokenOwnSections), [])
})

t.test('a file that a document or a comment names is there', async (t) => {
  t.strictSame(problems([...documents, ...comments], brokenPaths), [])
})

t.test('no document outside of the repository is named', async (t) => {
  t.strictSame(problems([...documents, ...code], foreignDocuments), [])
})

t.test('each kind of reference that leads nowhere is found', async (t) => {
  const planted: [text: string, find: (file: File) => readonly string[], problem: string][] = [
    ['see docs/nothing.md', brokenReferences, 'there is no docs/nothing.md'],
    ['(docs/decisions/9999)', brokenReferences, 'there is no docs/decisions/9999'],
    ['@see docs/etcd.md section 1.9', brokenReferences, 'docs/etcd.md has no section 1.9'],
    ['@see docs/etcd.md sections 1 and 7', brokenReferences, 'docs/etcd.md has no section 7'],
    ['/**\n * @see docs/etcd.md\n * section 8\n */', brokenReferences, 'docs/etcd.md has no section 8'],
    ['docs/guarantees.md, "Safe"', brokenReferences, 'docs/guarantees.md has no heading "Safe"'],
    ['[one](nothing.md)', brokenLinks, 'there is no docs/nothing.md'],
    ['[one](guarantees.md#nothing)', brokenLinks, 'docs/guarantees.md has no anchor nothing'],
    ['[one](calico/ipam.md) section 99', brokenLinks, 'docs/calico/ipam.md has no section 99'],
    ['as section 99 says', brokenOwnSections, 'there is no section 99 here'],
    ['in `src/nothing.ts`', brokenPaths, 'there is no src/nothing.ts'],
    ['in `ipam/nothing.ts`', brokenPaths, 'there is no ipam/nothing.ts'],
    ['see NOTES.md 3', foreignDocuments, 'NOTES.md is not in this repository'],
  ]
  for (const [text, find, problem] of planted) t.strictSame(find({ path: 'docs/etcd.md', text }), [problem], text)
})
