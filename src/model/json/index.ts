/** JSON with every digit of its numbers, and structs: objects whose unknown fields survive a change. */
export {
  compareBytewise,
  isJsonArray,
  isJsonObject,
  type Json,
  JsonNumber,
  type JsonObject,
  jsonObject,
  stringifyJson,
  stringifyMembers,
  stringifyString,
} from './json.ts'
export { parseJson } from './parser.ts'
export {
  decodeJson,
  declareFields,
  type FieldNames,
  isOmitted,
  Malformed,
  mismatch,
  noFields,
  readArray,
  readBoolean,
  readInteger,
  readObject,
  readString,
  readStringMap,
  readStruct,
  readTime,
  readUint64,
  spell,
  stringifyStruct,
} from './struct.ts'
