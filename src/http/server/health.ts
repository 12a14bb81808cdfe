import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import type { Store } from '../ipam/index.ts'
import { answer, problems, Health, Version } from '../schemas/index.ts'
import { RefusalError } from '../wire/index.ts'

/** What the routes about the server itself take from outside. */
export interface OperationOptions {
  readonly store: Pick<Store, 'health' | 'members'>
  readonly version: string
}

/** The Kubernetes version whose API conventions the resources follow; kubectl warns when it is far from its own. */
const kubernetes = { major: '1', minor: '34', gitVersion: 'v1.34.0' } as const

/** The routes about the server itself: `/livez`, `/readyz`, `/version`. */
export const operationRoutes: FastifyPluginCallbackTypebox<OperationOptions> = (app, { store, version }, done) => {
  app.get(
    '/livez',
    {
      // A busy server is alive: to restart it would only make it busier.
      config: { pressureHandler: () => undefined },
      schema: {
        operationId: 'readLiveness',
        tags: ['server'],
        summary: 'Is the server alive',
        description: 'Answers as long as the process can answer at all.',
        response: { 200: answer('It is.', Health, { status: 'ok', checks: [] }), ...problems() },
      },
    },
    (_request, reply) => reply.send({ status: 'ok', checks: [] }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'readReadiness',
        tags: ['server'],
        summary: 'Can the server do its work',
        description:
          'Whether etcd answers and is followed, and the server is not stopping. A failed check is named in `details.causes`.',
        response: { 200: answer('It can.', Health), ...problems() },
      },
    },
    (_request, reply) => {
      const { ready, checks } = store.health()
      if (ready) return reply.send({ status: 'ok', checks: checks.map(({ name, message }) => ({ name, message })) })
      const causes = checks
        .filter(({ ok }) => !ok)
        .map(({ name, message }) => ({ field: name, reason: 'UnexpectedServerResponse', message }) as const)
      const message = `not ready: ${causes.map(({ field, message }) => `${field} ${message}`).join('; ')}`
      throw new RefusalError({ reason: 'ServiceUnavailable', message, causes }, { retryAfterSeconds: 1 })
    },
  )

  app.get(
    '/version',
    {
      schema: {
        operationId: 'readVersion',
        tags: ['server'],
        summary: 'Versions',
        description:
          'The versions of this server and of its etcd members, in the fields in which kubectl looks for them.',
        response: { 200: answer('The versions.', Version), ...problems() },
      },
    },
    async () => ({
      ippooldVersion: version,
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

/** One for each member. An etcd that is away is no reason not to tell one's own version. */
async function etcdVersions(store: Pick<Store, 'members'>): Promise<string[]> {
  try {
    return (await store.members()).map(({ version }) => version)
  } catch (error) {
    if (error instanceof DatastoreUnavailable) return []
    throw error
  }
}
