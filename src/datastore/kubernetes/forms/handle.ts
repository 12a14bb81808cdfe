import { handles, jsonObject, stringifyJson } from '../../../model/index.ts'
import {
  calicoApiVersions,
  type CalicoGroup,
  membersBut,
  nameIn,
  objectAt,
  type ObjectForm,
  objectOf,
  parsedObject,
  textAt,
} from './form.ts'
import { ipamMetadata } from './metadata.ts'
import { handleName, mustName } from './names.ts'

/**
 * Handles: `IPAMHandle`. The object is called like the handle in lower case, and keeps the handle's own spelling: of handles that differ in
 * case only, it belongs to the first.
 */
export function handleForm(group: CalicoGroup): ObjectForm {
  const kind = { apiVersion: calicoApiVersions[group], kind: 'IPAMHandle', plural: 'ipamhandles' }
  const idIn = (key: string): string => key.slice(handles.prefix.length)
  return {
    kind,
    nameOf: (key) => handleName(idIn(key)),
    read(object) {
      const spec = objectAt(object, 'spec')
      const id = textAt(spec, 'handleID')
      const name = nameIn(object)
      const isDeleted = spec['deleted'] === true
      const text = stringifyJson(
        jsonObject([
          ['block', objectAt(spec, 'block')],
          ['deleted', isDeleted],
          ...membersBut(spec, ['handleID', 'block', 'deleted']),
        ]),
      )
      // Calico finds an object by its name, whatever handle it says that it is of.
      return { key: `${handles.prefix}${id.toLowerCase() === name ? id : name}`, text, isDeleted }
    },
    write(key, text, stored) {
      const given = parsedObject(text)
      const spec = jsonObject([
        ...membersBut(given, ['block', 'deleted']),
        ['handleID', idIn(key)],
        ['block', objectAt(given, 'block')],
        ['deleted', given['deleted'] === true],
      ])
      return objectOf(kind, ipamMetadata(group, mustName(this.nameOf(key)), stored), spec)
    },
  }
}
