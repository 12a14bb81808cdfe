import { Type } from '@sinclair/typebox'
import { checkCodes, type CheckCode, type RepairAnswer } from '../../ipam/index.ts'
import { closed, dryRunField, nullableText, oneOf, optionalList, ref } from './fields.ts'

/** All codes, in the order of the table. */
const codes = Object.keys(checkCodes).filter((name): name is CheckCode => name in checkCodes)

/** The codes that can be repaired. */
const repairableCodes = codes.filter((code) => checkCodes[code].repair !== 'None')

/** Outcome of a repair. */
export type RepairOutcome = RepairAnswer['outcome'] | 'Unavailable'

const codesInWords = codes
  .map((code) => `- \`${code}\` (${checkCodes[code].repair}): ${checkCodes[code].when}`)
  .join('\n')

const findingFields = {
  code: oneOf(codes, {
    title: 'CheckCode',
    description: `The code of the problem, for programs.\n${codesInWords}`,
    examples: ['HandleMissing'],
  }),
  key: Type.String({ description: 'The key in etcd that is wrong.' }),
  subject: nullableText(
    'The part of the key that is wrong, such as a block that a handle counts, or a node; null for the whole key.',
  ),
  message: Type.String({ description: 'What is wrong, and what would be right. For people; may change.' }),
  repair: oneOf(['Default', 'OnRequest', 'None'], {
    title: 'RepairPolicy',
    description: [
      'When it can be repaired: `Default`: by every repair; `OnRequest`: only if the request names the code;',
      '`None`: only by hand.',
    ].join(' '),
  }),
}

/** Example of a finding. */
export const exampleFinding = {
  code: 'HandleMissing',
  key: '/calico/ipam/v2/handle/vm-42',
  subject: '10.1.0.0/26',
  message: 'The handle does not exist; it should count 1 in 10.1.0.0/26.',
  repair: 'Default',
} as const

/** One problem that was found. */
export const CheckFinding = Type.Object(findingFields, {
  ...closed,
  $id: 'CheckFinding',
  description: 'One problem that was found.',
  examples: [exampleFinding],
})

const reportFields = {
  revision: Type.String({ description: 'The revision of etcd that was checked.' }),
}

const endFields = {
  isComplete: Type.Boolean({
    description: 'False if the report ended early; what it contains is valid all the same.',
  }),
  problem: nullableText('Why it ended early; null if it is complete.'),
}

/** Report of a check. */
export const CheckReport = Type.Object(
  { ...reportFields, findings: Type.Array(ref(CheckFinding)), ...endFields },
  {
    ...closed,
    $id: 'CheckReport',
    description: 'All problems at one revision, in the order in which they were found.',
    examples: [{ revision: '4711', findings: [exampleFinding], isComplete: true, problem: null }],
  },
)

/** Body of a repair. */
export const RepairBody = Type.Object(
  {
    codes: optionalList(oneOf(repairableCodes, { title: 'RepairableCode', prefix: 'Repair' }), {
      maxItems: repairableCodes.length,
      description: 'The codes to repair; all with policy `Default` if absent.',
    }),
  },
  {
    ...closed,
    $id: 'RepairRequest',
    description: 'The problems to repair.',
    examples: [{ codes: ['HandleMissing', 'HandleCountTooLow'] }],
  },
)

/** Result for one finding. */
export const RepairItem = Type.Object(
  {
    ...findingFields,
    outcome: oneOf(['Repaired', 'NotFound', 'Refused', 'Unavailable'], {
      title: 'RepairOutcome',
      prefix: 'Outcome',
      description: [
        '`Repaired`: one transaction proved the problem again and repaired it.',
        '`NotFound`: the problem is gone, or the key is being written.',
        '`Refused`: it cannot be repaired at present.',
        '`Unavailable`: the datastore did not answer in time; check again.',
      ].join(' '),
    }),
    detail: Type.String({ description: 'What was done, or why nothing was done. For people; may change.' }),
  },
  { ...closed, $id: 'Repair', description: 'The result for one finding.' },
)

/** Report of a repair. */
export const RepairReport = Type.Object(
  { ...reportFields, repairs: Type.Array(ref(RepairItem)), ...endFields, dryRun: dryRunField },
  {
    ...closed,
    $id: 'RepairReport',
    description: 'The result for each problem that the request selected.',
    examples: [
      {
        revision: '4711',
        repairs: [{ ...exampleFinding, outcome: 'Repaired', detail: 'The handle counts 1 in 10.1.0.0/26.' }],
        isComplete: true,
        problem: null,
      },
    ],
  },
)
