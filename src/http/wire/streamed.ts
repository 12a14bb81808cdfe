import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DatastoreUnavailable, RevisionCompacted } from '../../datastore/index.ts'
import { RefusalError } from './errors.ts'

/** One JSON object on each line. */
export const linesType = 'application/x-ndjson'

/** An answer that is written while it is found. */
export interface Report {
  /** The revision at which everything was read. */
  readonly revision: string
  /** The name of the list. */
  readonly listName: string
  readonly entries: AsyncIterable<object>
}

/**
 * Answers with a report: as one JSON object with a list in it, or, to a client that accepts it, one object on each line and the rest on
 * the last one. It is written as fast as the client reads. A fault in the middle ends the list, and is told after it.
 */
export function sendReport(request: FastifyRequest, reply: FastifyReply, report: Report): FastifyReply {
  const asLines = request.headers.accept?.toLowerCase().includes(linesType) === true
  const type = asLines ? linesType : 'application/json; charset=utf-8'
  return reply
    .code(200)
    .type(type)
    .send(Readable.from(asLines ? lines(request, report) : object(request, report)))
}

async function* object(request: FastifyRequest, report: Report): AsyncGenerator<string, void> {
  yield `{"revision":${JSON.stringify(report.revision)},${JSON.stringify(report.listName)}:[`
  let separator = ''
  const problem = yield* written(request, report, (entry) => {
    const text = `${separator}${JSON.stringify(entry)}`
    separator = ','
    return text
  })
  yield `],"complete":${String(problem === null)},"problem":${JSON.stringify(problem)}}`
}

async function* lines(request: FastifyRequest, report: Report): AsyncGenerator<string, void> {
  const problem = yield* written(request, report, (entry) => `${JSON.stringify(entry)}\n`)
  yield `${JSON.stringify({ revision: report.revision, complete: problem === null, problem })}\n`
}

/** The entries as text; returns what kept it from being all of them. */
async function* written(
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
  if (fault instanceof RevisionCompacted) return 'It took longer than etcd keeps history; try again.'
  if (fault instanceof DatastoreUnavailable || fault instanceof RefusalError) return fault.message
  request.log.error({ err: fault }, 'bug')
  return `This is a fault of the server; its log tells more under the request id ${request.id}`
}
