import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonObject, stringifyJson } from '../../model/index.ts'
import { type Result, refuse, success } from '../../plan/index.ts'
import { quote, sameJson } from '../object/index.ts'

/** What `target` becomes by a JSON merge patch: members that are null in the patch go, objects are merged, all else is replaced. @see RFC 7396 */
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

/** The most characters that what one patch copies and moves may add up to: each copy can double the object. */
export const copiedLengthMax = 1_048_576

/** How deep a patch may nest objects and lists: no deeper than they may come in a body. Whoever walks an object recurses. */
export const depthMax = 64

/**
 * What `document` becomes by a JSON patch, applied as a whole or not at all. Refuses a patch that is not well formed
 * (`BadRequest`), and one whose `test` fails or whose paths lead nowhere (`Invalid`, naming the operation).
 *
 * Written out here because values are immutable, numbers may keep their text, and every name is just a name: the libraries there
 * are treat `constructor` and `__proto__`, which an object's annotations may hold, as no names at all.
 * @see RFC 6902
 */
export function jsonPatch(document: JsonObject, patch: Json): Result<Json> {
  if (!isJsonArray(patch)) return refuse('BadRequest', 'a JSON patch must be a list of operations')
  if (patch.length > operationsMax)
    return refuse('BadRequest', `a JSON patch may have at most ${String(operationsMax)} operations`)
  const operations: Operation[] = []
  for (const [index, json] of patch.entries()) {
    const operation = readOperation(json)
    if (typeof operation === 'string')
      return refuse('BadRequest', `JSON patch operation [${String(index)}]: ${operation}`)
    operations.push(operation)
  }
  return applyAll(document, operations)
}

/** The tokens of a JSON pointer. The first is empty: it names the document in the box that a {@link Draft} puts it into. */
type Pointer = readonly [string, ...string[]]

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Pointer; readonly value: Json }
  | { readonly op: 'remove'; readonly path: Pointer }
  | { readonly op: 'move' | 'copy'; readonly path: Pointer; readonly from: Pointer }

function readOperation(json: Json): Operation | string {
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

function applyAll(document: JsonObject, operations: readonly Operation[]): Result<Json> {
  const draft = new Draft(document)
  let copiedLength = 0
  for (const [index, operation] of operations.entries()) {
    const field = `[${String(index)}]`
    const value = valueOf(draft, operation)
    if ('from' in operation) copiedLength += stringifyJson(value ?? null).length
    if (copiedLength > copiedLengthMax)
      return refuse('BadRequest', `JSON patch operation ${field}: the patch copies too much`)
    if (operation.op !== 'test' && !fitsInto(value, depthMax - operation.path.length + 1))
      return refuse('BadRequest', `JSON patch operation ${field}: it nests deeper than ${String(depthMax)} levels`)
    if (!applyOne(draft, operation, value)) {
      const problem = operation.op === 'test' ? 'the test failed' : 'the path does not exist'
      const message = `${problem}: ${quote(`/${operation.path.slice(1).join('/')}`)}`
      return refuse('Invalid', `JSON patch operation ${field}: ${message}`, [
        { field, reason: 'FieldValueInvalid', message },
      ])
    }
  }
  return success(draft.valueAt(['']) ?? null)
}

/** What an operation is about to put somewhere, or to test for; undefined when there is nothing at the place that it is to come from. */
function valueOf(draft: Draft, operation: Operation): Json | undefined {
  if ('value' in operation) return operation.value
  return 'from' in operation ? draft.valueAt(operation.from) : undefined
}

/** Whether `json` has at most so many levels of objects and lists. */
function fitsInto(json: Json | undefined, levels: number): boolean {
  if (!isJsonArray(json) && !isJsonObject(json)) return true
  return levels > 0 && Object.values(json).every((inside) => fitsInto(inside, levels - 1))
}

/** Carries out one operation; false when it cannot be, and the draft is good for nothing any more. */
function applyOne(draft: Draft, operation: Operation, value: Json | undefined): boolean {
  const { path } = operation
  if (operation.op === 'remove') return draft.remove(path)
  if (value === undefined) return false
  switch (operation.op) {
    case 'add':
      return draft.add(path, value)
    case 'replace':
      return draft.replace(path, value)
    case 'test': {
      const found = draft.valueAt(path)
      return found !== undefined && sameJson(found, value)
    }
    case 'copy':
      return draft.add(path, copyOf(value))
    case 'move':
      // Moving a value into itself fails here: its own place is gone by now.
      return draft.remove(operation.from) && draft.add(path, value)
  }
}

function copyOf(json: Json): Json {
  if (isJsonArray(json)) return json.map(copyOf)
  return isJsonObject(json) ? jsonObject(Object.entries(json).map(([name, inside]) => [name, copyOf(inside)])) : json
}

/**
 * A document that is being changed. A container is copied before its first change, and is the draft's own from then on, to be changed in
 * place: to copy it for every operation would cost as many times its size. So a container of the draft must be in one place only.
 */
class Draft {
  // The document is in a box, so that as a whole it is a member of something, as every other value is.
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

  /** The container that the last token of `pointer` is a name in, to be changed; undefined when the way does not lead to one. */
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

/** An object or a list that may be changed. */
type Container = Json[] | Record<string, Json>

function memberOf(container: Json, name: string): Json | undefined {
  if (isJsonArray(container)) return container[indexOf(name)]
  return isJsonObject(container) && Object.hasOwn(container, name) ? container[name] : undefined
}

/** Gives a member that there is another value. */
function setMember(container: Container, name: string, value: Json): void {
  if (Array.isArray(container)) container[indexOf(name)] = value
  else container[name] = value
}

/** An index of an array: digits without a leading zero. Anything else is beyond every array. */
function indexOf(name: string): number {
  return /^(0|[1-9][0-9]*)$/.test(name) ? Number(name) : Infinity
}
