import type { FastifyPluginCallback } from 'fastify'
import type { Caller } from '../../access/index.ts'
import type { JsonObject } from '../../model/index.ts'

/** The versions that kubectl asks for, the newest first. */
const versions = ['v1', 'v1beta1'] as const

/**
 * Answers `kubectl auth whoami`: who the caller is, as the server sees it. The body does not matter, so its media type does not either;
 * kubectl sends protobuf.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/self-subject-review-v1/
 */
export const selfSubjectReviewRoutes: FastifyPluginCallback = (app, _options, done) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, undefined))
  for (const version of versions) {
    app.post(
      `/apis/authentication.k8s.io/${version}/selfsubjectreviews`,
      { schema: { hide: true }, config: { access: 'authenticated', readsNoBody: true } },
      ({ rights }, reply) => reply.code(201).send(printReview(version, rights.caller)),
    )
  }
  done()
}

function printReview(version: string, { user, uid, groups, credentialId }: Caller): JsonObject {
  const extra = credentialId === undefined ? {} : { 'authentication.kubernetes.io/credential-id': [credentialId] }
  return {
    kind: 'SelfSubjectReview',
    apiVersion: `authentication.k8s.io/${version}`,
    metadata: { creationTimestamp: null },
    status: { userInfo: { username: user, ...(uid !== undefined && { uid }), groups, extra } },
  }
}
