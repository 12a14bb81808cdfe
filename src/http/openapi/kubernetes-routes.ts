import { createHash } from 'node:crypto'
import type { FastifyPluginCallback, FastifyReply } from 'fastify'
import { stringifyJson } from '../../model/index.ts'
import { groupsOf, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { answerJson, preferredType } from '../wire/index.ts'
import { kubernetesDocument } from './kubernetes.ts'
import { makeCompleteDocument } from './document.ts'
import { encodeOpenapi20 } from './v2-protobuf.ts'
import { openapi20 } from './v2.ts'

/** Dependencies of these routes. */
export interface KubernetesOpenapiOptions {
  /** All kinds that are served. */
  readonly kinds: readonly ServedKind<StoredObject>[]
}

/** Media types with which clients request OpenAPI 2.0 as protobuf. Responses have the second one: Go cannot parse the `@` of the first. */
const protobufTypes = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
] as const

/**
 * The routes of the OpenAPI documents for Kubernetes' clients, `/openapi/v3` and `/openapi/v2`: kubectl reads one before it writes
 * anything. Like the discovery routes, they are not in the OpenAPI document.
 * @see docs/kubernetes-api.md section 2
 */
export const kubernetesOpenapiRoutes: FastifyPluginCallback<KubernetesOpenapiOptions> = (app, { kinds }, done) => {
  answerJson(app)
  const hidden = { schema: { hide: true }, config: { access: 'authenticated' } } as const
  // Made at the first request: most servers never get one, and all should start fast.
  const complete = once(() => makeCompleteDocument(app))
  const groups = groupsOf(kinds).map((group) => {
    const document = once(() => kubernetesDocument(complete(), group, kinds))
    const path = `apis/${group.apiVersion}`
    return { path, document, tagged: once(() => tag(stringifyJson(document()))) }
  })
  const version2 = once(() => openapi20(groups.map(({ document }) => document())))
  const version2Text = once(() => tag(stringifyJson(version2())))
  const version2Bytes = once(() => tag(encodeOpenapi20(version2())))

  app.get('/openapi/v3', hidden, (_request, reply) => {
    const paths = groups.map(({ path, tagged }) => {
      const serverRelativeURL = `/openapi/v3/${path}?hash=${tagged().hash}`
      return [path, { serverRelativeURL }] as const
    })
    return reply.send({ paths: Object.fromEntries(paths) })
  })

  for (const { path, tagged } of groups) {
    app.get(`/openapi/v3/${path}`, hidden, ({ query }, reply) => {
      const version3 = tagged()
      // A URL with the hash always has the same document.
      const caching = isObject(query) && query['hash'] === version3.hash ? immutable : undefined
      return sendTagged(reply.type('application/json; charset=utf-8'), version3, caching)
    })
  }

  app.get(
    '/openapi/v2',
    { ...hidden, config: { ...hidden.config, alsoAnswers: protobufTypes } },
    ({ headers }, reply) => {
      const served = ['application/json', ...protobufTypes]
      if (preferredType(headers.accept, served) === 'application/json')
        return sendTagged(reply.type('application/json; charset=utf-8'), version2Text())
      return sendTagged(reply.type(protobufTypes[1]), version2Bytes())
    },
  )
  done()
}

const immutable = 'public, max-age=31536000, immutable'

interface TaggedDocument {
  readonly body: string | Buffer
  /** Hash of the body. */
  readonly hash: string
}

function tag(body: string | Buffer): TaggedDocument {
  return { body, hash: createHash('sha256').update(body).digest('hex').toUpperCase() }
}

/** Sends a document, or 304 if the client has it already. Unless `caching` says otherwise, a client asks each time. */
function sendTagged(reply: FastifyReply, { body, hash }: TaggedDocument, caching = 'no-cache'): FastifyReply {
  const etag = `"${hash}"`
  void reply.header('etag', etag).header('vary', 'accept, origin').header('cache-control', caching)
  const known = (reply.request.headers['if-none-match'] ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return known.includes(etag) || known.includes('*') ? reply.code(304).send() : reply.send(body)
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined
  return () => (made ??= { value: make() }).value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
