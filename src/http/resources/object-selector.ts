import {
  type LabelSelector,
  matchesLabels,
  objectIn,
  parseLabelSelector,
  type StoredObject,
} from '../../resources/index.ts'
import { refusal, refuseFields } from '../wire/index.ts'

/** The query parameters that select objects. */
export interface SelectorQuery {
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/** True for objects that are selected. */
export type ObjectSelector<Value = StoredObject> = (object: Value) => boolean

/** True for objects that all of these select; undefined if there are none. */
export function allOf<Value>(
  ...selectors: readonly (ObjectSelector<Value> | undefined)[]
): ObjectSelector<Value> | undefined {
  const given = selectors.filter((selector) => selector !== undefined)
  return given.length === 0 ? undefined : (object) => given.every((selects) => selects(object))
}

/** Reads the selectors of a list or watch; undefined if there are none. Throws a refusal for one that cannot be parsed. */
export function readObjectSelector(query: SelectorQuery): ObjectSelector | undefined {
  const { labelSelector = '', fieldSelector = '' } = query
  const labels = labelSelector === '' ? undefined : readLabelSelector(labelSelector)
  const fields = fieldSelector === '' ? undefined : readFieldSelector(fieldSelector)
  if (labels === undefined && fields === undefined) return undefined
  return (object) =>
    (labels === undefined || matchesLabels(labels, labelsOf(object))) && fields?.(object.name) !== false
}

function readLabelSelector(text: string): LabelSelector {
  const parsed = parseLabelSelector(text)
  if (parsed.ok) return parsed.selector
  throw refuseFields('BadRequest', [{ field: 'labelSelector', reason: 'FieldValueInvalid', message: parsed.problem }])
}

/** Reads Kubernetes' field selectors; only `metadata.name=x` and `metadata.name!=x` are supported. */
function readFieldSelector(text: string): (name: string) => boolean {
  const conditions = text.split(',').map((condition) => {
    const [, field, operator, value] = /^([^=!]*)(==|!=|=)(.*)$/s.exec(condition) ?? []
    if (field !== 'metadata.name' || value === undefined) {
      throw refusal('BadRequest', `field label not supported: ${field ?? condition}`)
    }
    return (name: string) => (name === value) === (operator !== '!=')
  })
  return (name) => conditions.every((holds) => holds(name))
}

function labelsOf({ object }: StoredObject): Readonly<Record<string, string>> {
  const labels = Object.entries(objectIn(objectIn(object, 'metadata'), 'labels'))
  return Object.fromEntries(labels.filter((label): label is [string, string] => typeof label[1] === 'string'))
}
