import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { subjectKinds } from '../../model/index.ts'
import { closed, oneOf, ref } from './fields.ts'

const example = {
  policy: 'blue',
  rule: 1,
  subject: { kind: 'Group', name: 'blue' },
  used: 98,
  limit: 500,
} as const

/** A quota, and how much of it is in use. */
export const QuotaItem = Type.Object(
  {
    policy: Type.String({ description: 'The name of the AccessPolicy.' }),
    rule: Type.Integer({ minimum: 0, format: 'int32', description: 'The index of the rule in its `spec.rules`.' }),
    subject: Type.Object(
      {
        kind: oneOf(subjectKinds, {
          title: 'QuotaSubjectKind',
          prefix: 'QuotaSubject',
          description: 'The kind of the subject.',
        }),
        name: Type.String({ description: 'The name of the user or the group.' }),
      },
      { ...closed, title: 'QuotaSubject', description: 'The subject of the policy whose addresses are counted.' },
    ),
    used: Type.Integer({
      minimum: 0,
      format: 'int64',
      description: 'The number of addresses that are held under the rule.',
    }),
    limit: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      minimum: 0,
      format: 'int64',
      description: 'Its `maxAddresses`; null if the policy or the rule is gone, or no longer sets a limit.',
    }),
  },
  { ...closed, $id: 'QuotaItem', description: 'A quota, and how much of it is in use.', examples: [example] },
)
export type QuotaItem = Static<typeof QuotaItem>

/** The quotas. */
export const QuotaList = Type.Object(
  { quotas: Type.Array(ref(QuotaItem), { description: 'By policy, rule and subject.' }) },
  {
    ...closed,
    $id: 'QuotaList',
    description: 'Quotas, and how much of each is in use.',
    examples: [{ quotas: [example] }],
  },
)
export type QuotaList = Static<typeof QuotaList>
