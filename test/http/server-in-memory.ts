import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { buildServer, type ServerDependencies } from '../../src/http/index.ts'
import { FakeStore } from './fake-store.ts'

/** A server on a datastore in memory, and how to talk to it. */
export interface ServerInMemory {
  readonly app: FastifyInstance
  readonly store: FakeStore
  /** Sends a request; a payload that is a text goes as it is, with the media type given. */
  call(
    method: NonNullable<InjectOptions['method']>,
    url: string,
    payload?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
}

/** The answer to a request, its JSON body parsed. */
export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: LightMyRequestResponse['headers']
}

/** The moment at which every test happens. */
const now = { nanoseconds: 1_794_812_345_678_901_234n }

/** Starts a server that ends with the test. Two pools are there: `blue`, 10.1.0.0/24 in blocks of 64, and `green`, fd00::/120. */
export function startServer(t: Test, changes: Partial<ServerDependencies> = {}): ServerInMemory {
  const store = new FakeStore()
  putPool(store, 'blue', '10.1.0.0/24', 26)
  putPool(store, 'green', 'fd00::/120', 124)
  let uids = 0
  const app = buildServer({
    store,
    blocks: store.blocks,
    now: () => now,
    newUid: () => {
      uids += 1
      return `uid-${uids}`
    },
    newSecret: () => ({ text: `secret of uid-${uids}`, hash: `hash of uid-${uids}` }),
    version: '0.1.0',
    metrics: { read: () => Promise.reject(new Error('There are no metrics here.')) },
    bodyLimitBytes: 1024 * 1024,
    deadlineMs: 30_000,
    callsMax: 1_000,
    logger: false,
    ...changes,
  })
  t.teardown(() => app.close())
  const call: ServerInMemory['call'] = async (method, url, payload, headers = {}) => {
    const isText = typeof payload === 'string' || payload === undefined
    const type: Record<string, string> = isText ? {} : { 'content-type': 'application/json' }
    const answer = await app.inject({
      method,
      url,
      ...(payload !== undefined && { payload: isText ? payload : JSON.stringify(payload) }),
      headers: { ...type, ...headers },
    })
    const isJson = String(answer.headers['content-type']).startsWith('application/json')
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: isJson && answer.body !== '' ? answer.json() : {},
    }
  }
  return { app, store, call }
}

/** Stores a pool as Calico does. */
export function putPool(
  store: FakeStore,
  name: string,
  cidr: string,
  blockSize: number,
  spec: Record<string, unknown> = {},
  labels: Record<string, string> = {},
): void {
  const pool = {
    kind: 'IPPool',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name, uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10', creationTimestamp: '2026-11-23T03:59:00Z', labels },
    spec: {
      cidr,
      vxlanMode: 'Never',
      ipipMode: 'Never',
      blockSize,
      nodeSelector: 'all()',
      allowedUses: ['Workload', 'Tunnel'],
      ...spec,
    },
  }
  store.view.putText(`/calico/resources/v3/projectcalico.org/ippools/${name}`, JSON.stringify(pool))
}

/** The fields and reasons of the causes of a failure, in the order in which they were told. */
export function causesOf({ body }: Answer): readonly (readonly [string, string])[] {
  const details = body['details'] as
    | { readonly causes?: readonly { readonly field: string; readonly reason: string }[] }
    | undefined
  return (details?.causes ?? []).map(({ field, reason }) => [field, reason] as const)
}
