import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../model/index.ts'

/** One column of the tables in which a kind is shown to people, besides the name and the age that all kinds have. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'boolean' | 'integer'
  readonly description: string
  /** 0: always shown; 1: only when more is asked for, as by `kubectl get -o wide`. */
  readonly priority: 0 | 1
  /** What stands in the row of an object, given as clients see it. */
  cell(object: JsonObject): string | number | boolean
}

/** What is the same for every column. */
interface ColumnOptions {
  /** Only shown when more is asked for. */
  readonly isWide?: boolean
}

/** What stands for a text that is not there, as in the tables of Kubernetes. */
const none = '<none>'

/** A column that shows a text, a number, or the texts of a list; `path` is the field's, such as `spec.cidr`. */
export function textColumn(name: string, path: string, description: string, options: ColumnOptions = {}): Column {
  return { ...columnOf(name, description, options), type: 'string', cell: (object) => printText(valueAt(object, path)) }
}

/** A column that shows a boolean; one that is not there is false. */
export function flagColumn(name: string, path: string, description: string, options: ColumnOptions = {}): Column {
  return { ...columnOf(name, description, options), type: 'boolean', cell: (object) => valueAt(object, path) === true }
}

/** A column that shows a number; one that is not there is 0. */
export function numberColumn(name: string, path: string, description: string, options: ColumnOptions = {}): Column {
  const cell = (object: JsonObject): number => {
    const value = valueAt(object, path)
    return typeof value === 'number' ? value : 0
  }
  return { ...columnOf(name, description, options), type: 'integer', cell }
}

function columnOf(name: string, description: string, { isWide = false }: ColumnOptions) {
  return { name, description, priority: isWide ? 1 : 0 } as const
}

function printText(value: Json | undefined): string {
  if (isJsonArray(value)) return value.map(printText).join(',') || none
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : none
}

function valueAt(object: JsonObject, path: string): Json | undefined {
  return path.split('.').reduce<Json | undefined>((json, name) => (isJsonObject(json) ? json[name] : undefined), object)
}
