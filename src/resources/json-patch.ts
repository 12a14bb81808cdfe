import {
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  type Result,
  refuse,
  stringifyJson,
  success,
} from '../model/index.ts'
import { sameJson } from './same-json.ts'

/** The most operations of one patch. */
export const operationsMax = 1_000

/** The most characters that the copies of one patch may add up to: each copy can double the object. */
export const copiedLengthMax = 1_048_576

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

/** The tokens of a JSON pointer. The first is empty: it names the document in the box that {@link applyAll} puts it into. */
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
  // In a box, so that the document as a whole is a member of something, as every other value is.
  let box: Json = jsonObject([['', document]])
  let copiedLength = 0
  for (const [index, operation] of operations.entries()) {
    const field = `[${String(index)}]`
    if (operation.op === 'copy') copiedLength += stringifyJson(valueAt(box, operation.from) ?? null).length
    if (copiedLength > copiedLengthMax)
      return refuse('BadRequest', `JSON patch operation ${field}: the patch copies too much`)
    const after: Json | undefined = applyOne(box, operation)
    if (after === undefined) {
      const problem = operation.op === 'test' ? 'the test failed' : 'the path does not exist'
      const message = `${problem}: ${JSON.stringify(`/${operation.path.slice(1).join('/')}`)}`
      return refuse('Invalid', `JSON patch operation ${field}: ${message}`, [
        { field, reason: 'FieldValueInvalid', message },
      ])
    }
    box = after
  }
  return success(valueAt(box, ['']) ?? null)
}

/** The box after one operation; undefined when it cannot be carried out. */
function applyOne(box: Json, operation: Operation): Json | undefined {
  switch (operation.op) {
    case 'add':
      return edit(box, operation.path, (container, name) => withInserted(container, name, operation.value))
    case 'remove':
      return edit(box, operation.path, withoutMember)
    case 'replace':
      return edit(box, operation.path, (container, name) => withReplaced(container, name, operation.value))
    case 'test': {
      const value = valueAt(box, operation.path)
      return value !== undefined && sameJson(value, operation.value) ? box : undefined
    }
    case 'copy': {
      const value = valueAt(box, operation.from)
      return value === undefined
        ? undefined
        : edit(box, operation.path, (container, name) => withInserted(container, name, value))
    }
    case 'move': {
      const value = valueAt(box, operation.from)
      const taken = value === undefined ? undefined : edit(box, operation.from, withoutMember)
      // Moving a value into itself fails here: its own place is gone by now.
      return value === undefined || taken === undefined
        ? undefined
        : edit(taken, operation.path, (container, name) => withInserted(container, name, value))
    }
  }
}

function valueAt(json: Json, pointer: readonly string[]): Json | undefined {
  let value: Json | undefined = json
  for (const token of pointer) {
    value = value === undefined ? undefined : memberOf(value, token)
  }
  return value
}

/** `json` with the innermost container on the way changed by `change`; undefined when the way or the change fails. */
function edit(
  json: Json,
  pointer: readonly string[],
  change: (container: Json, name: string) => Json | undefined,
): Json | undefined {
  const [name = '', ...rest] = pointer
  if (rest.length === 0) return change(json, name)
  const member = memberOf(json, name)
  const changed = member === undefined ? undefined : edit(member, rest, change)
  return changed === undefined ? undefined : withReplaced(json, name, changed)
}

function memberOf(container: Json, name: string): Json | undefined {
  if (isJsonArray(container)) return container[indexOf(name)]
  return isJsonObject(container) && Object.hasOwn(container, name) ? container[name] : undefined
}

function withReplaced(container: Json, name: string, value: Json): Json | undefined {
  if (memberOf(container, name) === undefined) return undefined
  return isJsonArray(container) ? container.with(indexOf(name), value) : withInserted(container, name, value)
}

function withInserted(container: Json, name: string, value: Json): Json | undefined {
  if (isJsonObject(container)) return jsonObject([...Object.entries(container), [name, value]])
  if (!isJsonArray(container)) return undefined
  const index = name === '-' ? container.length : indexOf(name)
  return index <= container.length ? container.toSpliced(index, 0, value) : undefined
}

function withoutMember(container: Json, name: string): Json | undefined {
  if (isJsonObject(container) && Object.hasOwn(container, name)) {
    return jsonObject(Object.entries(container).filter(([other]) => other !== name))
  }
  return isJsonArray(container) && indexOf(name) < container.length ? container.toSpliced(indexOf(name), 1) : undefined
}

/** An index of an array: digits without a leading zero. Anything else is beyond every array. */
function indexOf(name: string): number {
  return /^(0|[1-9][0-9]*)$/.test(name) ? Number(name) : Infinity
}
