import { type Availability, isJsonArray, isJsonObject, type Json, type JsonObject } from '../model/index.ts'

/** A column of a kind's tables, besides name and age, which all kinds have. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'boolean' | 'integer'
  readonly description: string
  /** 0: always shown; 1: shown only in wide tables, as by `kubectl get -o wide`. */
  readonly priority: 0 | 1
  /** The cell in the row of an object, which is given as clients see it. `terms` say which addresses count as available. */
  cell(object: JsonObject, terms: Availability): string | number | boolean
}

/** The options of a column of any type. */
interface ColumnOptions {
  /** True if only wide tables show it. */
  readonly isWide?: boolean
}

/** The cell for an absent text, as in the tables of Kubernetes. */
const none = '<none>'

/** A column that shows a text, a number, or the texts of a list. `path` is the path of the field, such as `spec.cidr`. */
export function textColumn(name: string, path: string, description: string, options: ColumnOptions = {}): Column {
  return { ...columnOf(name, description, options), type: 'string', cell: (object) => printText(valueAt(object, path)) }
}

/** A column that shows a boolean; an absent one shows as false. */
export function flagColumn(name: string, path: string, description: string, options: ColumnOptions = {}): Column {
  return { ...columnOf(name, description, options), type: 'boolean', cell: (object) => valueAt(object, path) === true }
}

/** A column that shows a number; an absent one shows as 0. */
export function numberColumn(name: string, path: string, description: string, options: ColumnOptions = {}): Column {
  const cell = (object: JsonObject): number => {
    const value = valueAt(object, path)
    return typeof value === 'number' ? value : 0
  }
  return { ...columnOf(name, description, options), type: 'integer', cell }
}

/** A column whose text is not that of a field. */
export function derivedColumn(
  name: string,
  description: string,
  cell: (object: JsonObject, terms: Availability) => string,
  options: ColumnOptions = {},
): Column {
  return { ...columnOf(name, description, options), type: 'string', cell }
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
