import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DatastoreUnavailable, RevisionCompacted } from '../../datastore/index.ts'
import { RefusalError } from './errors.ts'

/** One JSON object on each line. */
export const linesType = 'application/x-ndjson'

/** A response that is sent while its entries are found. */
export interface Report {
  /** The first fields, among them the revision at which everything was read. */
  readonly head: { readonly revision: string; readonly dryRun?: 'All' }
  /** The name of the list. */
  readonly listName: string
  readonly entries: AsyncIterable<object>
}

/**
 * Sends a report: one JSON object with a list in it, or, if the client accepts {@link linesType}, one entry on each line and the other
 * fields on the last line. It is written as fast as the client reads. A fault ends the list and is reported after it.
 */
export function sendReport(request: FastifyRequest, reply: FastifyReply, report: Report): FastifyReply {
  const asLines = request.headers.accept?.toLowerCase().includes(linesType) === true
  const type = asLines ? linesType : 'application/json; charset=utf-8'
  return reply
    .code(200)
    .type(type)
    .send(Readable.from(asLines ? printLines(request, report) : printObject(request, report)))
}

async function* printObject(request: FastifyRequest, report: Report): AsyncGenerator<string, void> {
  yield `${JSON.stringify(report.head).slice(0, -1)},${JSON.stringify(report.listName)}:[`
  let separator = ''
  const problem = yield* printEntries(request, report, (entry) => {
    const text = `${separator}${JSON.stringify(entry)}`
    separator = ','
    return text
  })
  yield `],"isComplete":${String(problem === null)},"problem":${JSON.stringify(problem)}}`
}

async function* printLines(request: FastifyRequest, report: Report): AsyncGenerator<string, void> {
  const problem = yield* printEntries(request, report, (entry) => `${JSON.stringify(entry)}\n`)
  yield `${JSON.stringify({ ...report.head, isComplete: problem === null, problem })}\n`
}

/** Yields the entries as texts. Returns the problem that ended the list early, or null. */
async function* printEntries(
  request: FastifyRequest,
  { entries }: Report,
  print: (entry: object) => string,
): AsyncGenerator<string, string | null> {
  try {
    for await (const entry of entries) yield print(entry)
    return null
  } catch (fault) {
    return problemOf(fault, request)
  }
}

function problemOf(fault: unknown, request: FastifyRequest): string {
  if (fault instanceof RevisionCompacted)
    return 'The report took longer than the datastore keeps its history; try again.'
  if (fault instanceof DatastoreUnavailable || fault instanceof RefusalError) return fault.message
  request.log.error({ err: fault }, 'bug')
  return `This is a fault of the server; its log has the details under the request id ${request.id}`
}
