import { BlockIndex } from '../model/index.ts'
import type { Store } from './ipam-operation.ts'
import { buildServer } from './server.ts'

/**
 * The OpenAPI document of everything that the server of this version serves, as text: the same for the same routes, on every
 * machine. Reads no datastore.
 */
export async function openapiDocument(version: string): Promise<string> {
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
  const document = app.swagger()
  await app.close()
  return `${JSON.stringify(document, null, 2)}\n`
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
