import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { DatastoreUnavailable, type Health } from '../../datastore/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { answer, problems, HealthResponse, VersionResponse } from '../schemas/index.ts'
import { RefusalError } from '../wire/index.ts'

/** Dependencies of the health routes. */
export interface HealthOptions {
  readonly store: Pick<ServedStore, 'health' | 'members'>
  readonly version: string
  /** The protections that the server lacks, although other machines can reach it. */
  readonly missingProtections: VersionResponse['missingProtections']
}

/** The Kubernetes version whose API conventions the resources follow. kubectl warns if its own version differs much. */
const kubernetes = { major: '1', minor: '34', gitVersion: 'v1.34.0' } as const

/** The response of a server that is alive. */
export const alive: HealthResponse = { status: 'ok', checks: [] }

/** The response of a server that is ready, or why it is not. */
export type Readiness =
  | { readonly ok: true; readonly value: HealthResponse }
  | { readonly ok: false; readonly error: RefusalError }

/** Says whether the server can do its work. */
export function readinessOf({ ready, checks }: Health): Readiness {
  if (ready)
    return { ok: true, value: { status: 'ok', checks: checks.map(({ name, message }) => ({ name, message })) } }
  const causes = checks
    .filter(({ ok }) => !ok)
    .map(({ name, message }) => ({ field: name, reason: 'UnexpectedServerResponse', message }) as const)
  const message = `not ready: ${causes.map(({ field, message }) => `${field} ${message}`).join('; ')}`
  const error = new RefusalError({ reason: 'ServiceUnavailable', message, causes }, { retryAfterSeconds: 1 })
  return { ok: false, error }
}

/** The routes about the server itself: `/livez`, `/readyz`, `/version`. */
export const healthRoutes: FastifyPluginCallbackTypebox<HealthOptions> = (
  app,
  { store, version, missingProtections },
  done,
) => {
  app.get(
    '/livez',
    {
      // A busy server is alive: a restart would only add to its load.
      config: { access: 'everybody', pressureHandler: () => undefined },
      schema: {
        operationId: 'readLiveness',
        tags: ['server'],
        summary: 'Liveness',
        description: '200 while the process runs.',
        response: { 200: answer('The process runs.', HealthResponse, { status: 'ok', checks: [] }), ...problems() },
      },
    },
    (_request, reply) => reply.send(alive),
  )

  app.get(
    '/readyz',
    {
      config: { access: 'everybody' },
      schema: {
        operationId: 'readReadiness',
        tags: ['server'],
        summary: 'Readiness',
        description:
          '200 if the server can do its work: etcd answers (`etcd`), its changes arrive (`watch`), it accepts changes (`changes`), and the server is not starting or stopping (`stopping`). Otherwise 503; `details.causes` names the failed checks, says why they failed, and what ends it.',
        response: { 200: answer('The server can do its work.', HealthResponse), ...problems() },
      },
    },
    (_request, reply) => {
      const readiness = readinessOf(store.health())
      if (readiness.ok) return reply.send(readiness.value)
      throw readiness.error
    },
  )

  app.get(
    '/version',
    {
      config: { access: 'everybody' },
      schema: {
        operationId: 'readVersion',
        tags: ['server'],
        summary: 'Versions',
        description: 'The versions of this server and of its etcd members, in the fields that kubectl reads.',
        response: { 200: answer('The versions.', VersionResponse), ...problems() },
      },
    },
    async () => ({
      ippooldVersion: version,
      missingProtections,
      etcdVersions: await etcdVersions(store),
      ...kubernetes,
      gitCommit: '',
      gitTreeState: '',
      buildDate: '1970-01-01T00:00:00Z',
      goVersion: '',
      compiler: '',
      platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
    }),
  )

  done()
}

/** One version for each member; none if etcd does not answer, because the other versions are known all the same. */
async function etcdVersions(store: Pick<ServedStore, 'members'>): Promise<string[]> {
  try {
    return (await store.members()).map(({ version }) => version)
  } catch (error) {
    if (error instanceof DatastoreUnavailable) return []
    throw error
  }
}
