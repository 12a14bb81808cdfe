import {
  compareBytewise,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  parseJson,
  stringifyJson,
} from '../../model/index.ts'
import type { Decoded } from '../../plan/index.ts'

/**
 * The fields that a manager manages: the paths of leaves, and of containers that are members themselves. A path consists of Kubernetes'
 * path elements: `f:NAME` for a member, `v:JSON` for an item of a set, `k:{...}` for an item with these keys, `i:NUMBER` for an item
 * with this index. They are joined like the tokens of a JSON pointer.
 * @see docs/kubernetes-api.md section 7
 */
export type FieldSet = ReadonlySet<string>

/** The path of the whole object. */
export const rootPath = ''

/** The deepest path, in elements. */
export const depthMax = 32

/** The most characters that the paths of a set may have in total. Each path repeats the elements of those above it. */
export const fieldSetLengthMax = 4_000_000

/** The path of one element of the value at `path`. */
export function pathTo(path: string, element: string): string {
  const token = /[~/]/.test(element) ? element.replaceAll('~', '~0').replaceAll('/', '~1') : element
  return `${path}/${token}`
}

/** The paths of all containers of these paths, without the whole object. */
export function pathsAbove(paths: Iterable<string>): Set<string> {
  const above = new Set<string>()
  for (const path of paths) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) above.add(path.slice(0, end))
  }
  return above
}

/** The path element of an object's member. */
export function memberElement(name: string): string {
  return `f:${name}`
}

/** The path element of a set's item. */
export function itemElement(item: Json): string {
  return `v:${stringifyJson(item)}`
}

/** The path element of a map's item that has these keys. */
export function keyElement(keys: JsonObject): string {
  const names = Object.keys(keys).sort(compareBytewise)
  return `k:${stringifyJson(jsonObject(names.map((name) => [name, keys[name] ?? null])))}`
}

/** Prints a path for messages, such as `.status.conditions[type="Ready"].status`. */
export function displayPath(path: string): string {
  return elementsOf(path).map(displayElement).join('')
}

/** Reads `fieldsV1`. A problem says what is wrong, and where. The paths may have `lengthMax` characters in total. */
export function readFieldSet(json: Json | undefined, lengthMax: number): Decoded<FieldSet> {
  const paths = new Set<string>()
  let length = 0

  function read(node: Json | undefined, path: string, depth: number): string | undefined {
    if (!isJsonObject(node)) {
      const what = path === rootPath ? 'it' : `the value at ${JSON.stringify(displayPath(path))}`
      return `${what} must be an object`
    }
    if (depth > depthMax) return `it must not be nested deeper than ${String(depthMax)} levels`
    const names = Object.keys(node)
    if (path !== rootPath && (names.length === 0 || Object.hasOwn(node, '.'))) paths.add(path)
    for (const name of names) {
      if (name === '.') continue
      const element = readElement(name)
      if (element === undefined)
        return `${JSON.stringify(name)} is not a path element such as f:spec, v:"x", k:{"type":"x"} or i:0`
      const below = pathTo(path, element)
      length += below.length
      if (length > lengthMax) return 'it has too many fields'
      const problem = read(node[name], below, depth + 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  const problem = read(json, rootPath, 0)
  return problem === undefined ? { ok: true, value: paths } : { ok: false, problem }
}

/** Writes the set as `fieldsV1`, in the order of the paths. */
export function fieldSetJson(fields: FieldSet): JsonObject {
  const root: FieldNode = { isMember: false, below: new Map() }
  for (const path of [...fields].sort()) {
    let node = root
    for (const element of elementsOf(path)) {
      const next: FieldNode = node.below.get(element) ?? { isMember: false, below: new Map() }
      node.below.set(element, next)
      node = next
    }
    node.isMember = true
  }
  return nodeJson(root)
}

/** True if two sets have the same paths. */
export function sameFields(one: FieldSet, other: FieldSet): boolean {
  return one.size === other.size && [...one].every((path) => other.has(path))
}

interface FieldNode {
  isMember: boolean
  readonly below: Map<string, FieldNode>
}

function nodeJson({ isMember, below }: FieldNode): JsonObject {
  const members = [...below].map(([element, node]) => [element, nodeJson(node)] as const)
  return jsonObject(isMember && members.length > 0 ? [['.', jsonObject([])], ...members] : members)
}

function elementsOf(path: string): readonly string[] {
  const [, ...tokens] = path.split('/')
  return tokens.map((token) => (token.includes('~') ? token.replaceAll('~1', '/').replaceAll('~0', '~') : token))
}

/** Reads a path element, and normalises the JSON in it. Undefined if it is malformed. */
function readElement(text: string): string | undefined {
  const rest = text.slice('f:'.length)
  switch (text.slice(0, 'f:'.length)) {
    case 'f:':
      return text
    case 'i:':
      return /^(0|-?[1-9][0-9]{0,9})$/.test(rest) ? text : undefined
    case 'v:': {
      const parsed = parseJson(rest)
      return parsed.ok ? itemElement(parsed.value) : undefined
    }
    case 'k:': {
      const parsed = parseJson(rest)
      return parsed.ok && isJsonObject(parsed.value) && Object.keys(parsed.value).length > 0
        ? keyElement(parsed.value)
        : undefined
    }
    default:
      return undefined
  }
}

function displayElement(element: string): string {
  const rest = element.slice('f:'.length)
  switch (element.slice(0, 'f:'.length)) {
    case 'f:':
      return `.${rest}`
    case 'v:':
      return `[=${rest}]`
    case 'k:':
      return `[${displayKeys(rest)}]`
    default:
      return `[${rest}]`
  }
}

function displayKeys(text: string): string {
  const parsed = parseJson(text)
  const keys = parsed.ok && isJsonObject(parsed.value) ? Object.entries(parsed.value) : []
  return keys.map(([name, value]) => `${name}=${stringifyJson(value)}`).join(',')
}
