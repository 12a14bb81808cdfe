import { isJsonObject, type Json, jsonObject } from '../../model/index.ts'

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
