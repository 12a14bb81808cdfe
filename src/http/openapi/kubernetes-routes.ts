import { createHash } from 'node:crypto'
import type { FastifyPluginCallback, FastifyReply } from 'fastify'
import { stringifyJson } from '../../model/index.ts'
import { apiVersion, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { acceptedTypes, covers, answerJson } from '../wire/index.ts'
import { kubernetesDocument } from './kubernetes.ts'
import { servedDocument } from './openapi.ts'
import { encodeOpenapi20 } from './v2-protobuf.ts'
import { openapi20 } from './v2.ts'

/** What the routes of these documents take from outside. */
export interface KubernetesOpenapiOptions {
  /** Every kind that is served. */
  readonly kinds: readonly ServedKind<StoredObject>[]
}

/** The names under which clients ask for OpenAPI 2.0 as protobuf; the second one is what they understand in an answer. */
const protobufTypes = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
] as const

/**
 * The routes of the OpenAPI documents that Kubernetes' clients read, `/openapi/v3` and `/openapi/v2`: kubectl does before it writes
 * anything. Not in the OpenAPI document themselves, as those of discovery.
 * @see docs/kubernetes-api.md section 2
 */
export const kubernetesOpenapiRoutes: FastifyPluginCallback<KubernetesOpenapiOptions> = (app, { kinds }, done) => {
  answerJson(app)
  const hidden = { schema: { hide: true } }
  // Each is made once, when it is first asked for: most servers are never asked, and all should start fast.
  const document = once(() => kubernetesDocument(servedDocument(app, '3.1'), kinds))
  const version3 = once(() => tagged(stringifyJson(document())))
  const version2 = once(() => openapi20(document()))
  const version2Text = once(() => tagged(stringifyJson(version2())))
  const version2Bytes = once(() => tagged(encodeOpenapi20(version2())))
  const path = `/openapi/v3/apis/${apiVersion}`

  app.get('/openapi/v3', hidden, (_request, reply) => {
    const serverRelativeURL = `${path}?hash=${version3().hash}`
    return reply.send({ paths: { [`apis/${apiVersion}`]: { serverRelativeURL } } })
  })

  app.get(path, hidden, ({ query }, reply) => {
    const { hash } = version3()
    // Under the name of its hash, the document is the same for ever.
    if (isObject(query) && query['hash'] === hash) void reply.header('cache-control', immutable)
    return sendTagged(reply.type('application/json; charset=utf-8'), version3())
  })

  app.get('/openapi/v2', { ...hidden, config: { alsoAnswers: protobufTypes } }, ({ headers }, reply) => {
    const served = ['application/json', ...protobufTypes]
    const wanted = acceptedTypes(headers.accept).flatMap((range) => served.filter((type) => covers(range, type)))[0]
    if (wanted === 'application/json') return sendTagged(reply.type('application/json; charset=utf-8'), version2Text())
    // What was asked for has an @ in it, at which Go gives up.
    return sendTagged(reply.type(protobufTypes[1]), version2Bytes())
  })
  done()
}

const immutable = 'public, max-age=31536000, immutable'

interface Tagged {
  readonly body: string | Buffer
  /** Of the body, and nothing else. */
  readonly hash: string
}

function tagged(body: string | Buffer): Tagged {
  return { body, hash: createHash('sha256').update(body).digest('hex').toUpperCase() }
}

/** Sends a document, or that it is the one that the client has. */
function sendTagged(reply: FastifyReply, { body, hash }: Tagged): FastifyReply {
  const tag = `"${hash}"`
  void reply.header('etag', tag).header('vary', 'accept')
  const known = (reply.request.headers['if-none-match'] ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return known.includes(tag) || known.includes('*') ? reply.code(304).send() : reply.send(body)
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined
  return () => (made ??= { value: make() }).value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
