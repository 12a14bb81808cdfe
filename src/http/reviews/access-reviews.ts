import type { FastifyPluginCallback } from 'fastify'
import { type Caller, type Gatekeeper, mayAlways, type Rights, verbs } from '../../access/index.ts'
import { isJsonArray, isJsonObject, type JsonObject } from '../../model/index.ts'
import { answerOnly } from '../../plan/index.ts'
import { jsonOf, objectIn, type ServedKind, type StoredObject, textIn } from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { ObjectAccess } from '../resources/index.ts'
import { refusal, refuseAccess, refuseFields } from '../wire/index.ts'
import { decide, type Decision, listRules, type ResourceAttributes, verbOf } from './decision.ts'
import { decodeObject, type MessageFields } from './protobuf.ts'

/** Dependencies of the reviews. */
export interface AccessReviewOptions {
  readonly gatekeeper: Pick<Gatekeeper, 'rightsOf'>
  readonly kinds: readonly ServedKind<StoredObject>[]
  readonly store: Pick<ServedStore, 'submit' | 'peekAll'>
}

const apiVersion = 'authorization.k8s.io/v1'
const protobuf = 'application/vnd.kubernetes.protobuf'

/** The fields of the reviews, as in Kubernetes' `authorization/v1/generated.proto`. */
const reviewFields = (specFields: MessageFields): MessageFields => ({
  2: { name: 'spec', type: 'message', fields: specFields },
})
const attributesFields: MessageFields = {
  2: { name: 'verb', type: 'text' },
  3: { name: 'group', type: 'text' },
  5: { name: 'resource', type: 'text' },
  6: { name: 'subresource', type: 'text' },
  7: { name: 'name', type: 'text' },
}
const accessFields: MessageFields = {
  1: { name: 'resourceAttributes', type: 'message', fields: attributesFields },
  2: {
    name: 'nonResourceAttributes',
    type: 'message',
    fields: { 1: { name: 'path', type: 'text' }, 2: { name: 'verb', type: 'text' } },
  },
  3: { name: 'user', type: 'text' },
  4: { name: 'groups', type: 'texts' },
  6: { name: 'uid', type: 'text' },
}

/**
 * Answers what callers may do, as Kubernetes' reviews do: `kubectl auth can-i`, with `--list` too. A caller that may read all policies may
 * also ask about others. kubectl sends protobuf, and accepts JSON.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/
 */
export const accessReviewRoutes: FastifyPluginCallback<AccessReviewOptions> = (app, options, done) => {
  // The route decodes it: the fields of a message are known by their numbers, and each review has its own.
  app.addContentTypeParser<Buffer>(protobuf, { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))
  const own = { schema: { hide: true }, config: { access: 'authenticated', alsoReads: [protobuf] } } as const
  const readPolicies = { verb: 'get', resource: 'accesspolicies' } as const
  const others = { schema: { hide: true }, config: { access: readPolicies, alsoReads: [protobuf] } } as const

  app.post(`/apis/${apiVersion}/selfsubjectaccessreviews`, own, async ({ body, rights }, reply) => {
    const spec = specIn(body, accessFields)
    const status = await review(spec, rights)
    return reply.code(201).send(print('SelfSubjectAccessReview', spec, { ...status }))
  })

  app.post(`/apis/${apiVersion}/selfsubjectrulesreviews`, own, ({ body, rights }, reply) => {
    const groupOf = (resource: string): string =>
      options.kinds.find(({ plural }) => plural === resource)?.group.name ?? ''
    return reply
      .code(201)
      .send(
        print(
          'SelfSubjectRulesReview',
          specIn(body, { 1: { name: 'namespace', type: 'text' } }),
          listRules(rights, groupOf),
        ),
      )
  })

  app.post(`/apis/${apiVersion}/subjectaccessreviews`, others, async (request, reply) => {
    // A rule with conditions does not show all policies.
    if (!mayAlways(request.rights, readPolicies)) throw refuseAccess(request.rights, readPolicies)
    const spec = specIn(request.body, accessFields)
    const status = await review(spec, options.gatekeeper.rightsOf(callerIn(spec)))
    return reply.code(201).send(print('SubjectAccessReview', spec, { ...status }))
  })
  done()

  async function review(spec: JsonObject, rights: Rights): Promise<Decision> {
    if (isJsonObject(spec['nonResourceAttributes'])) {
      const isRead = textIn(spec['nonResourceAttributes'], 'verb') === 'get'
      const reason = isRead ? 'everybody may read paths of no resource' : 'paths of no resource can only be read'
      return { allowed: isRead || rights.isUnlimited, reason }
    }
    const given = objectIn(spec, 'resourceAttributes')
    const attributes: ResourceAttributes = {
      verb: textIn(given, 'verb'),
      group: textIn(given, 'group'),
      resource: textIn(given, 'resource'),
      name: textIn(given, 'name'),
    }
    for (const field of ['verb', 'resource'] as const) {
      if (attributes[field] !== '') continue
      const message = 'Required value: must say what is asked about'
      throw refuseFields('Invalid', [
        { field: `spec.resourceAttributes.${field}`, reason: 'FieldValueRequired', message },
      ])
    }
    return decide(rights, attributes, await mayToNamed(rights, attributes))
  }

  /** Returns whether the action on the named object is allowed; undefined if the review names no stored object. */
  async function mayToNamed(
    rights: Rights,
    { verb, resource, name }: ResourceAttributes,
  ): Promise<boolean | undefined> {
    const kind = options.kinds.find(({ plural }) => plural === resource)
    if (kind === undefined || name === '' || verb === 'create' || rights.isUnlimited) return undefined
    const access = new ObjectAccess(kind, rights, options.store)
    const known = verbs.find((one) => one === verbOf(verb))
    if (known === undefined) return undefined
    const { answer } = await options.store.submit((view) => answerOnly(access.mayTo(view, known, name)))
    return answer
  }
}

function print(kind: string, spec: JsonObject, status: JsonObject): JsonObject {
  return { kind, apiVersion, metadata: { creationTimestamp: null }, spec, status }
}

function specIn(body: unknown, fields: MessageFields): JsonObject {
  const object = body instanceof Buffer ? decodeObject(body, reviewFields(fields)) : jsonOf(body)
  if (!isJsonObject(object))
    throw refusal('BadRequest', 'the body must be a review, in JSON, YAML or the protobuf of Kubernetes')
  return objectIn(object, 'spec')
}

function callerIn(spec: JsonObject): Caller {
  const { groups } = spec
  const uid = textIn(spec, 'uid')
  return {
    user: textIn(spec, 'user'),
    groups: isJsonArray(groups) ? groups.filter((group) => typeof group === 'string') : [],
    ...(uid !== '' && { uid }),
  }
}
