import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Probe } from '../../datastore/index.ts'
import { shorten } from '../../plan/index.ts'
import { isWatch } from '../resources/index.ts'
import { isDryRun, noteChange, onceClosed } from '../wire/index.ts'

/** Programs request these all the time; people need their log lines only when something is wrong. */
export const healthProbes: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz'])

/**
 * Logs one line for every request, probes at debug. The line of a change says what was asked for, whose it is, who asked from where, and
 * the result; it is also written if the client has gone. Never a body, a query or a credential. Call it at the root.
 */
export function logRequests(app: FastifyInstance, probe: Probe): void {
  app.decorateRequest('changeNote', undefined)
  app.addHook('onRequest', (request, _reply, done) => {
    // The address is unknown once the client has gone.
    if (operationOf(request) !== undefined) noteChange(request, { from: request.socket.remoteAddress })
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    if (operationOf(request) !== undefined) {
      countAddresses(request, reply, probe)
      // A response whose client has gone is closed, and never finishes.
      onceClosed(reply.raw, () => {
        request.log.info(lineOfChange(request, reply), 'change')
      })
    }
    done(null, payload)
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions, log, changeNote, trace } = request
    const { statusCode: status } = reply
    const durationMs = durationOf(request, reply)
    const route = routeOptions.url
    const reason = status < 400 ? undefined : changeNote?.reason
    const span = trace?.isRecorded === true ? trace.ids : undefined
    probe.requestFinished({ method, route, status, reason, isWatch: isWatch(request.query), durationMs, span })
    if (operationOf(request) === undefined)
      log[healthProbes.has(route) ? 'debug' : 'info'](lineOf(request, reply), 'request')
    done()
  })
}

/** Counts the addresses that a change has assigned and released; none for a dry run, or for a repetition, which changed them before. */
function countAddresses(request: FastifyRequest, reply: FastifyReply, probe: Probe): void {
  const { assigned = 0, released = 0, repeated } = request.changeNote ?? {}
  const isRepeated = repeated === true || reply.hasHeader('idempotent-replayed')
  if (assigned + released === 0 || isRepeated || reply.statusCode >= 300 || isDryRun(request)) return
  probe.addressesChanged({ assigned, released })
}

/** The operation of a request that may change something; undefined for any other. */
function operationOf({ method, routeOptions }: FastifyRequest): string | undefined {
  return method === 'GET' || method === 'HEAD' ? undefined : routeOptions.schema?.operationId
}

type Line = Record<string, unknown>

function lineOf(request: FastifyRequest, reply: FastifyReply): Line {
  const { method, routeOptions } = request
  const ms = Math.round(durationOf(request, reply) * 100) / 100
  return { method, route: routeOptions.url ?? null, status: reply.statusCode, ms }
}

/** Milliseconds from the arrival of a request, before it waited at the gate, to its answer. */
function durationOf({ raw }: FastifyRequest, { elapsedTime }: FastifyReply): number {
  return elapsedTime + (raw.gateCall?.waitedMs ?? 0)
}

/** Adds to the line of a request what was to be changed, for whom, by whom, and why it was not. Long texts and lists are cut. */
function lineOfChange(request: FastifyRequest, reply: FastifyReply): Line {
  const { params, changeNote = {}, headers } = request
  const { from, dryRun: _, message: __, assigned: ___, released: ____, ...note } = changeNote
  const line = lineOf(request, reply)
  line['operation'] = operationOf(request)
  for (const about of [params, note]) {
    if (isObject(about)) for (const [name, value] of Object.entries(about)) line[name] = bound(value)
  }
  if (isDryRun(request)) line['dryRun'] = true
  line['from'] = from
  line['agent'] = bound(headers['user-agent'])
  return line
}

/** Entries of a list in one line. */
const entriesMax = 16

function bound(value: unknown): unknown {
  if (typeof value === 'string') return shorten(value)
  if (!Array.isArray(value)) return value
  const first = value.slice(0, entriesMax).map(bound)
  return value.length > entriesMax ? [...first, `and ${value.length - entriesMax} more`] : first
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
