import { Type } from '@sinclair/typebox'
import { rowObjects } from '../../resources/index.ts'
import { closed, oneOf } from './fields.ts'

/** What clients of Kubernetes send along, and what makes no difference here. */
function ignored(example: string, why: string) {
  return Type.Optional(Type.String({ description: `Accepted, without effect: ${why}.`, examples: [example] }))
}

const anyQuery = {
  pretty: ignored('true', 'answers are compact JSON'),
  timeout: ignored('32s', 'the server has a deadline of its own'),
  includeObject: Type.Optional(
    oneOf(rowObjects, {
      title: 'RowObject',
      prefix: 'Row',
      description: 'Of an answer that is a table: what each row carries besides its cells, `Metadata` unless said.',
      examples: ['Object'],
    }),
  ),
}

const flag = ['true', 'false', '1', '0'] as const

/** Whether a flag says yes. */
export function isTrue(given = ''): boolean {
  return given === 'true' || given === '1'
}

const resourceVersion = Type.Optional(
  Type.String({
    pattern: '^[0-9]{0,18}$',
    description:
      'The answer is to be no older than this revision. It never is older than what etcd has, so only a revision that is yet to come makes a difference.',
    examples: ['1001'],
  }),
)

/** The name of an object in the path. */
export const NamePath = Type.Object(
  { name: Type.String({ description: 'The name of the object.', examples: ['my.ippool-1'] }) },
  closed,
)

/** The query of a list. */
export const ListQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({
        minimum: 0,
        format: 'int64',
        description: 'How many objects to answer at most; 0 for all.',
        examples: [100],
      }),
    ),
    continue: Type.Optional(
      Type.String({ description: 'The `metadata.continue` of the page before.', examples: ['MTAxOC9teS5pcHBvb2wtMQ'] }),
    ),
    labelSelector: Type.Optional(
      Type.String({
        description:
          "Only objects with such labels: Kubernetes' selectors, with `=`, `!=`, `in`, `notin`, `name` and `!name`.",
        examples: ['team=network'],
      }),
    ),
    fieldSelector: Type.Optional(
      Type.String({
        description: 'Only objects with such fields; `metadata.name` is the only one.',
        examples: ['metadata.name=my.ippool-1'],
      }),
    ),
    resourceVersion,
    resourceVersionMatch: Type.Optional(
      oneOf(['NotOlderThan', 'Exact'], {
        title: 'ResourceVersionMatch',
        description: '`Exact`: the list as of the very resourceVersion.',
        examples: ['Exact'],
      }),
    ),
    watch: Type.Optional(
      oneOf(flag, {
        title: 'Flag',
        description:
          'Answer the changes from now on, or after `resourceVersion`, as they come: JSON, one event on each line. Without a resourceVersion the present objects come first.',
        examples: ['true'],
      }),
    ),
    allowWatchBookmarks: Type.Optional(
      oneOf(flag, {
        title: 'Flag',
        description: 'Of a watch: tell now and then how far it has come.',
        examples: ['true'],
      }),
    ),
    sendInitialEvents: Type.Optional(
      oneOf(flag, {
        title: 'Flag',
        description:
          'Of a watch: tell the present objects first, and by a bookmark where they end. Needs resourceVersionMatch.',
        examples: ['true'],
      }),
    ),
    timeoutSeconds: Type.Optional(
      Type.Integer({
        format: 'int32',
        minimum: 0,
        maximum: 86_400,
        description: 'Of a watch: when it is to end; without it, or with 0, after 30 to 60 minutes.',
        examples: [300],
      }),
    ),
    ...anyQuery,
  },
  closed,
)

/** The query of a read. */
export const ReadQuery = Type.Object({ resourceVersion, ...anyQuery }, closed)

const dryRun = Type.Optional(
  oneOf(['All'], { description: 'Answer what would happen, and write nothing.', examples: ['All'] }),
)

const fieldManager = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'Who manages the fields that are changed; the first word of `User-Agent` unless given.',
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
          'What to do about fields that are not known: refuse them, drop them with a warning (unless said otherwise), or drop them.',
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
    force: Type.Optional(
      oneOf(flag, {
        title: 'Flag',
        description: 'Of a server-side apply: take fields from others who manage them, instead of refusing.',
        examples: ['false'],
      }),
    ),
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

/** The query of a delete of several. */
export const DeleteCollectionQuery = Type.Object(
  {
    ...DeleteQuery.properties,
    labelSelector: ListQuery.properties.labelSelector,
    fieldSelector: ListQuery.properties.fieldSelector,
  },
  closed,
)
