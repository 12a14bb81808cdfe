import { BlockIndex } from '../model/index.ts'
import type { Store } from './ipam/index.ts'
import { type OpenapiForm, servedDocument } from './openapi/index.ts'
import { buildServer } from './server/index.ts'

/** Which form of an OpenAPI document is wanted, and where clients that are generated from it look for the server by themselves. */
export interface DocumentOptions {
  readonly form?: OpenapiForm
  readonly serverUrl?: string
}

/**
 * The OpenAPI document of everything that the server of this version serves, as text: the same for the same routes, on every
 * machine. Reads no datastore.
 */
export async function openapiDocument(
  version: string,
  { form = '3.1', serverUrl = '/' }: DocumentOptions = {},
): Promise<string> {
  const app = buildServer({
    store: noStore,
    blocks: new BlockIndex(),
    now: () => ({ nanoseconds: 0n }),
    newUid: () => 'none',
    version,
    bodyLimitBytes: 1,
    deadlineMs: 1,
    callsMax: 1,
    logger: false,
  })
  await app.ready()
  const document = servedDocument(app, form)
  await app.close()
  const servers = [{ url: serverUrl, description: 'A server on this machine that was started without settings.' }]
  return `${JSON.stringify({ ...document, servers }, null, 2)}\n`
}

/** To describe the routes, none of them is called. */
const noStore: Store = {
  pending: 0,
  submit: refuse,
  page: refuse,
  follow: refuse,
  peek: () => undefined,
  members: refuse,
  health: () => ({ ready: false, checks: [] }),
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('there is no datastore behind a document'))
}
