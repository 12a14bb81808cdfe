import { createHash } from 'node:crypto'
import { jsonObject } from '../../../model/index.ts'
import { compact, membersBut, nameIn, objectAt, type ObjectForm, textAt } from './form.ts'
import { mustName, objectName } from './names.ts'

/** ippoold's own keys begin with this. */
export const recordPrefix = '/ippoold/v1/'

/** Says that a ConfigMap holds a record, and of which family: the first part of its key after the prefix. */
const recordLabel = 'ippoold.io/record'

/** Hexadecimal digits of the key's hash in a name: no two keys share 160 bits. */
const hashLength = 40

/**
 * Records: what ippoold keeps and Calico has no place for, such as annexes, quotas and stored answers. Each is a ConfigMap in ippoold's
 * namespace, with the key and the text as they are in etcd. The key's hash is the name, because a key may have any character.
 */
export function recordForm(namespace: string): ObjectForm {
  const familyOf = (key: string): string => key.slice(recordPrefix.length).split('/')[0] ?? ''
  return {
    kind: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespace },
    labelSelector: recordLabel,
    nameOf(key) {
      const hash = createHash('sha256').update(key).digest('hex').slice(0, hashLength)
      return key.startsWith(recordPrefix)
        ? objectName('record', `ippoold-${familyOf(key)}-${hash}`)
        : { ok: false, problem: `${key}: not the key of a record` }
    },
    read(object) {
      const data = objectAt(object, 'data')
      const [key, text] = [textAt(data, 'key'), textAt(data, 'value')]
      const name = this.nameOf(key)
      return name.ok && name.name === nameIn(object) ? { key, text, isDeleted: false } : undefined
    },
    write(key, text, stored) {
      const before = objectAt(stored, 'metadata')
      const labels = jsonObject([...Object.entries(objectAt(before, 'labels')), [recordLabel, familyOf(key)]])
      const name = mustName(this.nameOf(key))
      return compact({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: jsonObject([
          ...membersBut(before, ['managedFields']),
          ...Object.entries(compact({ name, namespace, labels })),
        ]),
        data: compact({ key, value: text }),
      })
    },
  }
}
