import { jsonObject, stringifyJson } from '../../../model/index.ts'
import { compact, membersBut, nameIn, objectAt, type ObjectForm, parsedObject, textAt } from './form.ts'
import { mustName, objectName } from './names.ts'

/** The keys of who leads a task begin with this. */
export const leadersPrefix = '/ippoold/v1/leaders/'

/** Who leads a task: a Lease in ippoold's namespace, whose spec is the text. */
export function leaseForm(namespace: string): ObjectForm {
  return {
    kind: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespace },
    nameOf: (key) => objectName('task', `ippoold-${key.slice(leadersPrefix.length)}`),
    read(object) {
      const [, task] = /^ippoold-(.+)$/.exec(nameIn(object)) ?? []
      if (task === undefined || textAt(objectAt(object, 'spec'), 'holderIdentity') === '') return undefined
      return { key: `${leadersPrefix}${task}`, text: stringifyJson(objectAt(object, 'spec')), isDeleted: false }
    },
    write(key, text, stored) {
      const name = mustName(this.nameOf(key))
      const metadata = jsonObject([
        ...membersBut(objectAt(stored, 'metadata'), ['managedFields']),
        ['name', name],
        ['namespace', namespace],
      ])
      return compact({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: parsedObject(text) })
    },
  }
}
