import { Type } from '@sinclair/typebox'
import type { AccessedObject } from '../../access/index.ts'
import { type Handle, handleKey, handles, isHandleId, type JsonObject, jsonObject } from '../../model/index.ts'
import { derivedColumn } from '../columns.ts'
import { calicoGroup, type LabelsOf, type ReadOnlyKind, type StoredObject } from '../kind.ts'
import { objectIn } from '../object/index.ts'
import { labelsOfBlock } from './cidr-names.ts'
import { parseShown, showFamily, showStored } from '../storage.ts'

/** The spec of a handle. */
const IPAMHandleSpec = Type.Object(
  {
    handleID: Type.String({ description: 'The handle.', examples: ['vm-42'] }),
    block: Type.Object(
      {},
      {
        additionalProperties: Type.Integer({ format: 'int32' }),
        description:
          'The blocks in which the handle has addresses, with their number. It may be too high, never too low.',
      },
    ),
    deleted: Type.Boolean({ description: 'Always false.' }),
  },
  { $id: 'IPAMHandleSpec', additionalProperties: false, description: 'The blocks in which a handle has addresses.' },
)

/**
 * IPAMHandle, as `/apis/projectcalico.org/v3/ipamhandles` serves it. Its name is the id of the handle, with capital letters: Calico has
 * small ones on Kubernetes, where two handles can fall together.
 * @see docs/calico/formats.md section 2.3
 */
export const ipamhandleKind: ReadOnlyKind<StoredObject> = {
  group: calicoGroup,
  kind: 'IPAMHandle',
  plural: 'ipamhandles',
  singular: 'ipamhandle',
  shortNames: ['handle', 'handles'],
  description:
    'A handle: the name that addresses are assigned to. Read-only; it changes when addresses are assigned and released.',
  example: show(handleKey('vm-42').text, {
    blocks: new Map([['10.1.0.0/26', 2]]),
    deleted: false,
    unknownFields: {},
  }).object,
  specSchema: IPAMHandleSpec,
  statusSchema: undefined,
  columns: [
    derivedColumn('Addresses', 'How many addresses the handle has.', (object) => String(sum(blocksIn(object)))),
    derivedColumn(
      'Blocks',
      'The blocks in which it has addresses.',
      (object) => Object.keys(blocksIn(object)).join(','),
      {
        isWide: true,
      },
    ),
  ],
  accessed,
  isReadOnly: true,
  storage: {
    families: [showFamily(handles, show)],
    annexing: undefined,
    lookup: (view, name) => (isHandleId(name) ? showStored(view, handleKey(name), show) : { kind: 'absent' }),
  },
  parse: parseShown,
  withDefaults: (spec) => spec,
}

function show(key: string, { blocks, deleted, unknownFields }: Handle): StoredObject {
  const name = key.slice(handles.prefix.length)
  const known = { handleID: name, block: jsonObject([...blocks]), deleted }
  const spec = jsonObject([...Object.entries(known), ...Object.entries(unknownFields)])
  return { name, object: { kind: 'IPAMHandle', apiVersion: calicoGroup.apiVersion, metadata: { name }, spec } }
}

/** Each block of the handle counts: a caller who may not see one of them does not see the handle. */
function accessed({ name, object }: StoredObject, labelsOf: LabelsOf): readonly AccessedObject[] {
  const blocks = Object.keys(blocksIn(object))
  if (blocks.length === 0) return [{ handle: name }]
  return blocks.map((block) => ({ handle: name, poolLabels: labelsOfBlock(block, labelsOf) }))
}

function blocksIn(object: JsonObject): JsonObject {
  return objectIn(objectIn(object, 'spec'), 'block')
}

function sum(counts: JsonObject): number {
  return Object.values(counts).reduce<number>((total, count) => total + (typeof count === 'number' ? count : 0), 0)
}
