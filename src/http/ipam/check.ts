import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Action, Rights } from '../../access/index.ts'
import { Scan } from '../../datastore/index.ts'
import { check, type Finding, findingFilter, leakOf, readCheckTerms } from '../../ipam/index.ts'
import { ipamConfigs } from '../../model/index.ts'
import {
  type Answer,
  answer,
  problems,
  CheckFinding,
  CheckReport,
  exampleFinding,
  RepairReport,
  RepairBody,
  ref,
} from '../schemas/index.ts'
import { noteChange, objectTypes, refusal, linesType, sendReport } from '../wire/index.ts'
import { refuseIdempotencyKey } from './idempotency.ts'
import { type IpamOptions, ChangeQuery, NoQuery } from './request.ts'
import { repair } from './repairs.ts'

const checking = { verb: 'check', resource: 'addresses' } as const
const repairing = { verb: 'repair', resource: 'addresses' } as const

/** `GET /check` and `POST /check/repair`: check that the stored data is consistent, and repair what is not. */
export const checkRoutes: FastifyPluginCallbackTypebox<IpamOptions> = (app, options, done) => {
  let isStopping = false
  app.addHook('preClose', (done) => {
    isStopping = true
    done()
  })

  app.get(
    '/check',
    {
      config: { access: checking, alsoAnswers: [linesType] },
      schema: {
        operationId: 'checkAddresses',
        tags: ['ipam'],
        summary: 'Check that the stored data is consistent',
        description: [
          'Reports everything that is wrong with the stored data at one revision of etcd: blocks, handles, affinities, pools and the rest,',
          'and addresses that workload endpoints and tunnels use without holding them. Findings are sent as they are found; with',
          `\`Accept: ${linesType}\` one finding on each line, and the rest on the last one. Nothing is changed.`,
        ].join(' '),
        querystring: NoQuery,
        response: { 200: streamed('What was found.', answer('', CheckReport)), ...problems('Timeout') },
      },
    },
    async (request, reply) => {
      const { revision, findings } = await begin(options, request.rights, checking, () => isStopping)
      return sendReport(request, reply, { head: { revision }, listName: 'findings', entries: printed(findings) })
    },
  )

  app.post(
    '/check/repair',
    {
      config: { access: repairing, alsoAnswers: [linesType] },
      schema: {
        operationId: 'repairAddresses',
        tags: ['ipam'],
        summary: 'Repair what is wrong',
        description: [
          'Checks, and repairs what is safe to repair. Each finding is repaired in a transaction of its own that proves the fault again, so',
          'what is right by then is left alone. A state that a Calico client passes through between two writes is repaired only after it',
          'has stayed the same for five seconds. Codes that release addresses must be named. Safe to repeat: the call is answered while it',
          'is carried out, so there is no answer to keep, and an `Idempotency-Key` is refused.',
        ].join(' '),
        consumes: [...objectTypes],
        querystring: ChangeQuery,
        body: ref(RepairBody),
        response: {
          200: streamed('The outcome for each finding that was to be repaired.', answer('', RepairReport)),
          ...problems('Invalid', 'RequestEntityTooLarge', 'UnsupportedMediaType', 'Timeout'),
        },
      },
    },
    async (request, reply) => {
      refuseIdempotencyKey(request)
      const codes = request.body.codes ? new Set<string>(request.body.codes) : undefined
      const isWanted = ({ code, repair }: Finding): boolean =>
        codes === undefined ? repair === 'Default' : repair !== 'None' && codes.has(code)
      const { revision, findings, terms } = await begin(options, request.rights, repairing, () => isStopping)
      const { dryRun } = request.query
      const repairs = repair(options, findings, { isWanted, isDryRun: dryRun === 'All' })
      const noteLeak = (finding: Finding): void => {
        const leak = dryRun === undefined ? leakOf(finding, terms) : undefined
        if (leak !== undefined) options.probe?.leaksRepaired(leak)
      }
      const head = { revision, ...(dryRun !== undefined && { dryRun }) }
      return sendReport(request, reply, {
        head,
        listName: 'repairs',
        entries: printedRepairs(request, repairs, noteLeak),
      })
    },
  )
  done()
}

/** Reads what everything is checked against first, so that a fault is answered with its own status; the rest is read on demand. */
async function begin(
  { store, now, blocks }: IpamOptions,
  rights: Rights,
  action: Action,
  isStopping: () => boolean,
): Promise<{
  readonly revision: string
  readonly findings: AsyncIterable<Finding>
  readonly terms: Awaited<ReturnType<typeof readCheckTerms>>
}> {
  const scan = await Scan.begin(store, ipamConfigs)
  const terms = await readCheckTerms(scan, now())
  return {
    revision: String(scan.revision),
    terms,
    findings: whileServing(check(scan, terms, { index: blocks }), findingFilter(rights, action, terms), isStopping),
  }
}

async function* whileServing(
  findings: AsyncIterable<Finding>,
  isVisible: (found: Finding) => boolean,
  isStopping: () => boolean,
): AsyncGenerator<Finding, void> {
  for await (const found of findings) {
    if (isStopping()) throw refusal('ServiceUnavailable', 'The server is stopping.')
    if (isVisible(found)) yield found
  }
}

async function* printed(findings: AsyncIterable<Finding>): AsyncGenerator<object, void> {
  for await (const found of findings) yield print(found)
}

async function* printedRepairs(
  request: FastifyRequest,
  repairs: ReturnType<typeof repair>,
  noteRepaired: (finding: Finding) => void,
): AsyncGenerator<object, void> {
  const names: string[] = []
  noteChange(request, { names })
  for await (const { finding, outcome, detail } of repairs) {
    if (outcome === 'Repaired') {
      names.push(finding.key)
      noteRepaired(finding)
    }
    yield { ...print(finding), outcome, detail }
  }
}

function print({ code, key, subject, message, repair }: Finding): object {
  return { code, key, subject: subject ?? null, message, repair }
}

/** The answer, as one document or on lines. */
function streamed(description: string, { content }: Answer): Answer {
  return {
    description,
    content: { ...content, [linesType]: { schema: ref(CheckFinding), example: exampleFinding } },
  }
}
