import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { stringify } from 'yaml'
import { readConfiguration } from '../../src/authentication/configuration.ts'

const authority = readFileSync(fileURLToPath(new URL('../support/certificates/authority.pem', import.meta.url)), 'utf8')

const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' }
const issuer = { url: 'https://issuer.example.org', audiences: ['ippoold'] }
const claimMappings = { username: { claim: 'sub', prefix: 'corp:' } }

const withJwt = (...jwt: readonly object[]): object => ({ ...head, jwt })
const withIssuer = (changes: object): object => withJwt({ issuer: { ...issuer, ...changes }, claimMappings })
const withMappings = (changes: object): object => withJwt({ issuer, claimMappings: { ...claimMappings, ...changes } })

t.test('a configuration in the shape of Kubernetes is read', async (t) => {
  const cases = [
    [head, { issuers: [], isAnonymousAllowed: undefined }],
    [
      { ...head, apiVersion: 'apiserver.config.k8s.io/v1beta1', anonymous: { enabled: true } },
      { isAnonymousAllowed: true },
    ],
    [{ ...head, anonymous: { enabled: false, conditions: [] } }, { isAnonymousAllowed: false }],
    [
      withJwt({ issuer, claimMappings }),
      {
        issuers: [
          {
            url: 'https://issuer.example.org',
            discoveryUrl: 'https://issuer.example.org/.well-known/openid-configuration',
            certificateAuthority: undefined,
            audiences: ['ippoold'],
            mappings: {
              username: { claim: 'sub', prefix: 'corp:' },
              groups: undefined,
              uidClaim: undefined,
              required: [],
            },
          },
        ],
      },
    ],
    [
      withJwt({
        issuer: {
          ...issuer,
          url: 'https://issuer.example.org/tenant/',
          discoveryURL: 'https://inside.example.org/.well-known/openid-configuration',
          certificateAuthority: authority,
          audiences: ['ippoold', 'ipam'],
          audienceMatchPolicy: 'MatchAny',
        },
        claimValidationRules: [{ claim: 'hd', requiredValue: 'example.org' }, { claim: 'empty' }],
        claimMappings: {
          username: { claim: 'email', prefix: '' },
          groups: { claim: 'roles', prefix: 'corp:' },
          uid: { claim: 'oid' },
        },
        userValidationRules: [],
      }),
      {
        issuers: [
          {
            url: 'https://issuer.example.org/tenant/',
            discoveryUrl: 'https://inside.example.org/.well-known/openid-configuration',
            certificateAuthority: authority,
            audiences: ['ippoold', 'ipam'],
            mappings: {
              username: { claim: 'email', prefix: '' },
              groups: { claim: 'roles', prefix: 'corp:' },
              uidClaim: 'oid',
              required: [
                { claim: 'hd', value: 'example.org' },
                { claim: 'empty', value: '' },
              ],
            },
          },
        ],
      },
    ],
    [withIssuer({ url: 'https://issuer.example.org/' }), { issuers: [{ discoveryUrl: /org\/.well-known/ }] }],
  ] as const
  for (const [document, configuration] of cases) {
    for (const text of [stringify(document), JSON.stringify(document)]) {
      t.match(readConfiguration(text), { ok: true, configuration }, text)
    }
  }
})

t.test('what is wrong, or cannot be done, is refused and named', async (t) => {
  const twice = { issuer, claimMappings }
  const cases = [
    ['', /must be an object/],
    ['{', /neither YAML nor JSON/],
    ['kind: a\nkind: b', /neither YAML nor JSON/],
    [{ ...head, apiVersion: 'v1' }, /^apiVersion: must be apiserver/],
    [{ apiVersion: head.apiVersion }, /^kind: must be/],
    [{ ...head, jwts: [] }, /^jwts: there is no such field/],
    [{ ...head, jwt: {} }, /^jwt: must be a list/],
    [withJwt({ issuer }), /^jwt\[0\].claimMappings: must be an object/],
    [withJwt({ claimMappings }), /^jwt\[0\].issuer: must be an object/],
    [withJwt(twice, twice), /^jwt: names an issuer.* twice/],
    [
      withJwt(twice, {
        ...twice,
        issuer: { ...issuer, url: 'https://a.org', discoveryURL: issuer.url + '/.well-known/openid-configuration' },
      }),
      /twice/,
    ],
    [
      withJwt(
        ...Array.from({ length: 65 }, (_, place) => ({
          ...twice,
          issuer: { ...issuer, url: `https://a${place}.org` },
        })),
      ),
      /at most 64/,
    ],
    [withIssuer({ url: 'http://issuer.example.org' }), /issuer.url: must be an https URL/],
    [withIssuer({ url: 'https://a:b@issuer.example.org' }), /issuer.url: must be an https URL/],
    [withIssuer({ url: 'https://issuer.example.org?x' }), /issuer.url: must be an https URL/],
    [withIssuer({ url: 7 }), /issuer.url: must be a text/],
    [withIssuer({ discoveryURL: 'issuer' }), /issuer.discoveryURL: must be an https URL/],
    [withIssuer({ audiences: [] }), /audiences: must name at least one/],
    [withIssuer({ audiences: [''] }), /audiences\[0\]: must be a text/],
    [withIssuer({ audiences: ['a', 'b'] }), /audienceMatchPolicy: must be MatchAny/],
    [withIssuer({ audienceMatchPolicy: 'MatchAll' }), /audienceMatchPolicy: must be MatchAny/],
    [withIssuer({ certificateAuthority: 'none' }), /certificateAuthority: must be CA certificates/],
    [withIssuer({ egressSelectorType: 'cluster' }), /egressSelectorType: is not supported/],
    [withIssuer({ audience: 'x' }), /issuer.audience: there is no such field/],
    [withMappings({ username: { claim: 'sub' } }), /username.prefix: must be a text; "" for none/],
    [withMappings({ username: { prefix: '' } }), /username.claim: must be a text/],
    [
      withMappings({ username: { expression: 'claims.sub' } }),
      /username.expression: CEL expressions are not supported/,
    ],
    [withMappings({ groups: { claim: 'groups' } }), /groups.prefix: must be a text/],
    [withMappings({ groups: { expression: 'claims.groups' } }), /groups.expression: CEL expressions are not supported/],
    [withMappings({ uid: { expression: 'claims.oid' } }), /uid.expression: CEL expressions are not supported/],
    [withMappings({ extra: [{ key: 'a', valueExpression: 'b' }] }), /extra: CEL expressions are not supported/],
    [withJwt({ ...twice, claimValidationRules: [{ expression: 'claims.hd == "x"' }] }), /Rules\[0\].expression: CEL/],
    [withJwt({ ...twice, claimValidationRules: [{ requiredValue: 'x' }] }), /Rules\[0\].claim: must be a text/],
    [
      withJwt({ ...twice, claimValidationRules: [{ claim: 'x', requiredValue: true }] }),
      /requiredValue: must be a text/,
    ],
    [
      withJwt({ ...twice, userValidationRules: [{ expression: 'true' }] }),
      /userValidationRules: CEL expressions are not/,
    ],
    [{ ...head, anonymous: {} }, /^anonymous.enabled: must be true or false/],
    [
      { ...head, anonymous: { enabled: true, conditions: [{ path: '/livez' }] } },
      /^anonymous.conditions: is not supported/,
    ],
  ] as const
  for (const [document, problem] of cases) {
    const text = typeof document === 'string' ? document : stringify(document)
    const reading = readConfiguration(text)
    const problems = reading.ok ? [] : reading.problems
    t.ok(
      problems.some((told) => problem.test(told)),
      `${String(problem)}: ${problems.join('; ')}`,
    )
  }
})
