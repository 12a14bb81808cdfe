import { type TObject, type TString, Type } from '@sinclair/typebox'
import { rowObjects } from '../../resources/index.ts'
import { closed, oneOf } from './fields.ts'

/** A parameter that Kubernetes' clients send and that has no effect here. */
function ignored(example: string, why: string) {
  return Type.Optional(Type.String({ description: `Accepted without effect: ${why}.`, examples: [example] }))
}

const anyQuery = {
  pretty: ignored('true', 'answers are compact JSON'),
  timeout: ignored('32s', 'the server has its own deadline'),
  includeObject: Type.Optional(
    oneOf(rowObjects, {
      title: 'RowObject',
      prefix: 'Row',
      description: 'For responses of kind Table: the object that each row contains; default: `Metadata`.',
      examples: ['Object'],
    }),
  ),
}

/** A parameter that is set or not, as Kubernetes' clients write it. */
function flag(description: string, example: 'true' | 'false') {
  const options = { title: 'Flag', prefix: 'Flag_', description, examples: [example] }
  return Type.Optional(oneOf(['true', 'false', '1', '0'], options))
}

/** True if a flag is set. */
export function isTrue(given = ''): boolean {
  return given === 'true' || given === '1'
}

const resourceVersion = Type.Optional(
  Type.String({
    pattern: '^[0-9]{0,18}$',
    description:
      'The oldest revision that the response may show. It always shows the newest state of etcd, so only a future revision has an effect.',
    examples: ['1001'],
  }),
)

/** The name of an object in the path; `example` is one of its kind. */
export function namePath(example: string): TObject<{ name: TString }> {
  return Type.Object({ name: Type.String({ description: 'The name of the object.', examples: [example] }) }, closed)
}

/** The parameters of a watch, which is a list that goes on. */
const watchQuery = {
  watch: flag(
    'Respond with a stream of changes, from now on or after `resourceVersion`: JSON, one event on each line. Without a resourceVersion, the current objects come first.',
    'true',
  ),
  allowWatchBookmarks: flag(
    'For a watch: send bookmarks from time to time, with the revision that it has reached.',
    'true',
  ),
  sendInitialEvents: flag(
    'For a watch: send the current objects first, then a bookmark. Requires resourceVersionMatch.',
    'true',
  ),
  timeoutSeconds: Type.Optional(
    Type.Integer({
      format: 'int32',
      minimum: 0,
      maximum: 86_400,
      description: 'For a watch: its lifetime; without it, or with 0, 30 to 60 minutes.',
      examples: [300],
    }),
  ),
}

/** The names of the parameters of a watch. */
export const watchParameters: readonly string[] = Object.keys(watchQuery)

/** The query of a list. */
export const ListQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({
        minimum: 0,
        format: 'int64',
        description: 'Objects per page; 0 for all.',
        examples: [100],
      }),
    ),
    continue: Type.Optional(
      Type.String({
        description: 'The `metadata.continue` of the previous page.',
        examples: ['MTAxOC9teS5pcHBvb2wtMQ'],
      }),
    ),
    labelSelector: Type.Optional(
      Type.String({
        description:
          "Only objects with these labels: Kubernetes' selectors with `=`, `!=`, `in`, `notin`, `name` and `!name`.",
        examples: ['team=network'],
      }),
    ),
    fieldSelector: Type.Optional(
      Type.String({
        description: 'Only objects with these fields; only `metadata.name` is supported.',
        examples: ['metadata.name=my.ippool-1'],
      }),
    ),
    resourceVersion,
    resourceVersionMatch: Type.Optional(
      oneOf(['NotOlderThan', 'Exact'], {
        title: 'ResourceVersionMatch',
        description: '`Exact`: the list as of exactly this resourceVersion.',
        examples: ['Exact'],
      }),
    ),
    ...watchQuery,
    ...anyQuery,
  },
  closed,
)

/** The query of a read. */
export const ReadQuery = Type.Object({ resourceVersion, ...anyQuery }, closed)

const dryRun = Type.Optional(
  oneOf(['All'], { description: 'Return the result without writing anything.', examples: ['All'] }),
)

const fieldManager = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'The manager of the changed fields; default: the first word of `User-Agent`.',
    examples: ['kubectl'],
  }),
)

/** The query of a create or replace. */
export const WriteQuery = Type.Object(
  {
    dryRun,
    fieldValidation: Type.Optional(
      oneOf(['Strict', 'Warn', 'Ignore'], {
        title: 'FieldValidation',
        description:
          'What to do with unknown fields: refuse them, drop them with a warning (the default), or drop them silently.',
        examples: ['Strict'],
      }),
    ),
    fieldManager,
    ...anyQuery,
  },
  closed,
)

/** The query of a patch. */
export const PatchQuery = Type.Object(
  {
    ...WriteQuery.properties,
    force: flag('For server-side apply: take over fields of other managers instead of refusing.', 'false'),
  },
  closed,
)

/** The query of a delete. */
export const DeleteQuery = Type.Object(
  {
    dryRun,
    propagationPolicy: ignored('Background', 'nothing depends on these objects'),
    orphanDependents: ignored('false', 'nothing depends on these objects'),
    gracePeriodSeconds: ignored('0', 'there is nothing to wait for'),
    ...anyQuery,
  },
  closed,
)

/** The query of a delete of a collection. */
export const DeleteCollectionQuery = Type.Object(
  {
    ...DeleteQuery.properties,
    labelSelector: ListQuery.properties.labelSelector,
    fieldSelector: ListQuery.properties.fieldSelector,
  },
  closed,
)
