import { UpcomingStore } from '../src/datastore/index.ts'
import { buildServer } from '../src/http/index.ts'
import { BlockIndex } from '../src/model/index.ts'

/** Versions of OpenAPI, each with the path at which a server has its document. */
const paths = { '3.1': '/openapi.json', '3.0': '/openapi-3.0.json' } as const

/** Which version of OpenAPI to use, and where generated clients find the server by default. */
export interface DocumentOptions {
  readonly form?: keyof typeof paths
  readonly serverUrl?: string
}

/**
 * Returns the OpenAPI document of a server of this version as text. It depends on the routes alone: it is the same on every machine, and
 * needs no datastore.
 */
export async function openapiDocument(
  version: string,
  { form = '3.1', serverUrl = '/' }: DocumentOptions = {},
): Promise<string> {
  const app = buildServer({
    // No route that uses the store is called.
    store: new UpcomingStore(),
    blocks: new BlockIndex(),
    now: () => ({ nanoseconds: 0n }),
    newUid: () => 'none',
    newSecret: () => ({ text: 'none', hash: 'none' }),
    version,
    metrics: { read: () => Promise.reject(new Error('There are no metrics here.')) },
    bodyLimitBytes: 1,
    // Large enough that no delay of the event loop counts as overload.
    deadlineMs: 600_000,
    callsMax: 1,
    logger: false,
  })
  const response = await app.inject(paths[form])
  await app.close()
  const document = response.json<object>()
  const servers = [{ url: serverUrl, description: 'A server on this machine with default settings.' }]
  return `${JSON.stringify({ ...document, servers }, null, 2)}\n`
}
