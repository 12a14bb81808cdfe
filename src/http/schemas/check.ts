import { Type } from '@sinclair/typebox'
import { checkCodes, type CheckCode, type RepairAnswer } from '../../ipam/index.ts'
import { closed, nullableText, oneOf, optionalList } from './fields.ts'
import { ref } from './ref.ts'

/** Every code, in the order of the table. */
const codes = Object.keys(checkCodes).filter((name): name is CheckCode => name in checkCodes)

/** The codes that a repair can be asked for. */
const repairableCodes = codes.filter((code) => checkCodes[code].repair !== 'None')

/** What became of a repair. */
export type RepairOutcome = RepairAnswer['outcome'] | 'Unavailable'

const codesInWords = codes
  .map((code) => `- \`${code}\` (${checkCodes[code].repair}): ${checkCodes[code].when}`)
  .join('\n')

const findingFields = {
  code: oneOf(codes, {
    title: 'CheckCode',
    description: `What is wrong, for programs.\n${codesInWords}`,
    examples: ['HandleMissing'],
  }),
  key: Type.String({ description: 'The key in etcd that would have to change.' }),
  subject: nullableText('Which part of it: a block that a handle counts, a node; null when the key says it all.'),
  message: Type.String({ description: 'What is wrong, and what would be right, for people; may change.' }),
  repair: oneOf(['Default', 'OnRequest', 'None'], {
    title: 'RepairPolicy',
    description: [
      'Whether it can be mended: `Default` whenever a repair is asked for, `OnRequest` only when the code is named,',
      '`None` by nobody but you.',
    ].join(' '),
  }),
}

/** What a finding looks like. */
export const exampleFinding = {
  code: 'HandleMissing',
  key: '/calico/ipam/v2/handle/vm-42',
  subject: '10.1.0.0/26',
  message: 'The handle does not exist; it should count 1 in 10.1.0.0/26.',
  repair: 'Default',
} as const

/** One thing that is wrong. */
export const CheckFinding = Type.Object(findingFields, {
  ...closed,
  $id: 'CheckFinding',
  description: 'One thing that is wrong.',
  examples: [exampleFinding],
})

const reportFields = {
  revision: Type.String({ description: 'The revision of etcd at which everything was read.' }),
}

const endFields = {
  complete: Type.Boolean({
    description: 'Whether it went to the end; what comes before is true also when it did not.',
  }),
  problem: nullableText('Why it did not go to the end; null when it did.'),
}

/** What a check found. */
export const CheckReport = Type.Object(
  { ...reportFields, findings: Type.Array(ref(CheckFinding)), ...endFields },
  {
    ...closed,
    $id: 'CheckReport',
    description: 'Everything that was wrong at one revision, in the order in which it was found.',
    examples: [{ revision: '4711', findings: [exampleFinding], complete: true, problem: null }],
  },
)

/** What to repair. */
export const RepairRequest = Type.Object(
  {
    codes: optionalList(oneOf(repairableCodes, { title: 'RepairableCode', prefix: 'Repair' }), {
      maxItems: repairableCodes.length,
      description: 'Only what has one of these codes; every `Default` one unless given.',
    }),
  },
  {
    ...closed,
    $id: 'RepairRequest',
    description: 'What to repair.',
    examples: [{ codes: ['HandleMissing', 'HandleCountTooLow'] }],
  },
)

/** What became of one finding. */
export const Repair = Type.Object(
  {
    ...findingFields,
    outcome: oneOf(['Repaired', 'NotFound', 'Refused', 'Unavailable'], {
      title: 'RepairOutcome',
      prefix: 'Outcome',
      description: [
        '`Repaired`: the fault was proved once more, and mended in the same transaction.',
        '`NotFound`: it is not there any more, or is being written to.',
        '`Refused`: it cannot be mended at present.',
        '`Unavailable`: the datastore did not answer in time; the next check tells.',
      ].join(' '),
    }),
    detail: Type.String({ description: 'What was done, or why nothing was, for people; may change.' }),
  },
  { ...closed, $id: 'Repair', description: 'What became of one finding.' },
)

/** What a repair did. */
export const RepairReport = Type.Object(
  { ...reportFields, repairs: Type.Array(ref(Repair)), ...endFields },
  {
    ...closed,
    $id: 'RepairReport',
    description: 'What became of each finding that was to be repaired.',
    examples: [
      {
        revision: '4711',
        repairs: [{ ...exampleFinding, outcome: 'Repaired', detail: 'The handle counts 1 in 10.1.0.0/26.' }],
        complete: true,
        problem: null,
      },
    ],
  },
)
