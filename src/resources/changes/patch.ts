import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject, stringifyJson } from '../../model/index.ts'
import { type Result, refuse, success } from '../../plan/index.ts'
import { quote, sameJson } from '../object/index.ts'

/** Applies a JSON merge patch: removes members that are null in the patch, merges objects, replaces everything else. @see RFC 7396 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch
  const members = new Map(isJsonObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name)
    else members.set(name, mergePatch(members.get(name), value))
  }
  return jsonObject(members)
}

/** The most operations of one patch. */
export const operationsMax = 1_000

/** The most characters that one patch may copy and move in total. Without it, each copy could double the object. */
export const copiedLengthMax = 1_048_576

/** The deepest nesting that a patch may make: as deep as a body may nest. Code that walks objects is recursive. */
export const depthMax = 64

/**
 * Applies a JSON patch to `document`, completely or not at all. Refuses a malformed patch with `BadRequest`. Refuses a patch with
 * `Invalid`, naming the operation, if a `test` fails or a path does not exist.
 *
 * No library: values are immutable here, numbers may keep their text, and the libraries do not accept `constructor` and `__proto__` as
 * names, which an object's annotations may have.
 * @see RFC 6902
 */
export function jsonPatch(document: JsonObject, patch: Json): Result<Json> {
  if (!isJsonArray(patch)) return refuse('BadRequest', 'a JSON patch must be a list of operations')
  if (patch.length > operationsMax)
    return refuse('BadRequest', `a JSON patch may have at most ${String(operationsMax)} operations`)
  const operations: PatchOperation[] = []
  for (const [index, json] of patch.entries()) {
    const operation = readOperation(json)
    if (typeof operation === 'string')
      return refuse('BadRequest', `JSON patch operation [${String(index)}]: ${operation}`)
    operations.push(operation)
  }
  return applyAll(document, operations)
}

/** The tokens of a JSON pointer. The first is empty, and names the document in the box of {@link PatchedDocument}. */
type Pointer = readonly [string, ...string[]]

type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Pointer; readonly value: Json }
  | { readonly op: 'remove'; readonly path: Pointer }
  | { readonly op: 'move' | 'copy'; readonly path: Pointer; readonly from: Pointer }

function readOperation(json: Json): PatchOperation | string {
  if (!isJsonObject(json)) return 'must be an object'
  const op = typeof json['op'] === 'string' ? json['op'] : ''
  const path = readPointer(json['path'])
  if (path === undefined) return '"path" must be a JSON pointer such as /spec/disabled'
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      return json['value'] === undefined ? `"${op}" must have a "value"` : { op, path, value: json['value'] }
    case 'remove':
      return { op, path }
    case 'move':
    case 'copy': {
      const from = readPointer(json['from'])
      return from === undefined ? '"from" must be a JSON pointer such as /metadata/labels/a' : { op, path, from }
    }
    default:
      return '"op" must be one of add, remove, replace, move, copy, test'
  }
}

function readPointer(json: Json | undefined): Pointer | undefined {
  if (typeof json !== 'string' || !/^(\/|$)/.test(json) || /~(?![01])/.test(json)) return undefined
  const [, ...tokens] = json.split('/')
  return ['', ...tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))]
}

function applyAll(document: JsonObject, operations: readonly PatchOperation[]): Result<Json> {
  const patched = new PatchedDocument(document)
  let copiedLength = 0
  for (const [index, operation] of operations.entries()) {
    const field = `[${String(index)}]`
    const value = valueOf(patched, operation)
    if ('from' in operation) copiedLength += stringifyJson(value ?? null).length
    if (copiedLength > copiedLengthMax)
      return refuse('BadRequest', `JSON patch operation ${field}: the patch copies too much`)
    if (operation.op !== 'test' && !fitsInto(value, depthMax - operation.path.length + 1))
      return refuse('BadRequest', `JSON patch operation ${field}: it nests deeper than ${String(depthMax)} levels`)
    if (!applyOne(patched, operation, value)) {
      const problem = operation.op === 'test' ? 'the test failed' : 'the path does not exist'
      const message = `${problem}: ${quote(`/${operation.path.slice(1).join('/')}`)}`
      return refuse('Invalid', `JSON patch operation ${field}: ${message}`, [
        { field, reason: 'FieldValueInvalid', message },
      ])
    }
  }
  return success(patched.valueAt(['']) ?? null)
}

/** The value that an operation adds, moves, copies or tests for; undefined if its `from` does not exist. */
function valueOf(patched: PatchedDocument, operation: PatchOperation): Json | undefined {
  if ('value' in operation) return operation.value
  return 'from' in operation ? patched.valueAt(operation.from) : undefined
}

/** True if objects and lists nest at most `levels` deep in `json`. */
function fitsInto(json: Json | undefined, levels: number): boolean {
  if (!isJsonArray(json) && !isJsonObject(json)) return true
  return levels > 0 && Object.values(json).every((inside) => fitsInto(inside, levels - 1))
}

/** Applies one operation. Returns false if it cannot be applied; the document is then half-changed and must be dropped. */
function applyOne(patched: PatchedDocument, operation: PatchOperation, value: Json | undefined): boolean {
  const { path } = operation
  if (operation.op === 'remove') return patched.remove(path)
  if (value === undefined) return false
  switch (operation.op) {
    case 'add':
      return patched.add(path, value)
    case 'replace':
      return patched.replace(path, value)
    case 'test': {
      const found = patched.valueAt(path)
      return found !== undefined && sameJson(found, value)
    }
    case 'copy':
      return patched.add(path, copyOf(value))
    case 'move':
      // Moving a value into itself fails in `add`, because its place is removed first.
      return patched.remove(operation.from) && patched.add(path, value)
  }
}

function copyOf(json: Json): Json {
  if (isJsonArray(json)) return json.map(copyOf)
  return isJsonObject(json) ? jsonObject(Object.entries(json).map(([name, inside]) => [name, copyOf(inside)])) : json
}

/**
 * A document that is being patched. It copies a container before the first change to it, and changes the copy in place from then on:
 * a copy for every operation would be slow for large containers. So a copied container must stand in one place of the document only.
 */
class PatchedDocument {
  // A box around the document, so that the whole document is a member of something, like every other value.
  readonly #box: Container
  readonly #own = new Map<Json, Container>()

  constructor(document: Json) {
    this.#box = { '': document }
  }

  valueAt(pointer: readonly string[]): Json | undefined {
    let value: Json | undefined = this.#box
    for (const token of pointer) {
      value = value === undefined ? undefined : memberOf(value, token)
    }
    return value
  }

  add(pointer: Pointer, value: Json): boolean {
    const [container, name] = this.#open(pointer)
    if (container === undefined) return false
    if (!Array.isArray(container)) {
      container[name] = value
      return true
    }
    const index = name === '-' ? container.length : indexOf(name)
    if (index > container.length) return false
    container.splice(index, 0, value)
    return true
  }

  replace(pointer: Pointer, value: Json): boolean {
    const [container, name] = this.#open(pointer)
    if (container === undefined || memberOf(container, name) === undefined) return false
    setMember(container, name, value)
    return true
  }

  remove(pointer: Pointer): boolean {
    const [container, name] = this.#open(pointer)
    if (container === undefined || memberOf(container, name) === undefined) return false
    if (Array.isArray(container)) container.splice(indexOf(name), 1)
    else Reflect.deleteProperty(container, name)
    return true
  }

  /** Opens the container of the pointer's last token for changes. It is undefined if the path does not exist. */
  #open(pointer: Pointer): readonly [container: Container | undefined, name: string] {
    let container: Container | undefined = this.#box
    let [name] = pointer
    for (const next of pointer.slice(1)) {
      const member: Json | undefined = container === undefined ? undefined : memberOf(container, name)
      const own = this.#ownContainer(member)
      if (container !== undefined && own !== undefined && own !== member) setMember(container, name, own)
      container = own
      name = next
    }
    return [container, name]
  }

  #ownContainer(json: Json | undefined): Container | undefined {
    if (!isJsonArray(json) && !isJsonObject(json)) return undefined
    const known = this.#own.get(json)
    if (known !== undefined) return known
    const own: Container = isJsonArray(json) ? [...json] : jsonObject(Object.entries(json))
    this.#own.set(own, own)
    return own
  }
}

/** An object or a list that can be changed. */
type Container = Json[] | Record<string, Json>

function memberOf(container: Json, name: string): Json | undefined {
  if (isJsonArray(container)) return container[indexOf(name)]
  return isJsonObject(container) && Object.hasOwn(container, name) ? container[name] : undefined
}

/** Replaces the value of an existing member. */
function setMember(container: Container, name: string, value: Json): void {
  if (Array.isArray(container)) container[indexOf(name)] = value
  else container[name] = value
}

/** Reads an index: digits without a leading zero. Any other name gives Infinity, which is beyond every list. */
function indexOf(name: string): number {
  return /^(0|[1-9][0-9]*)$/.test(name) ? Number(name) : Infinity
}
