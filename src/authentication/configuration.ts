import { X509Certificate } from 'node:crypto'
import { parse } from 'yaml'
import type { ClaimMapping, ClaimMappings } from './claims.ts'

/** The content of an AuthenticationConfiguration. */
export interface AuthenticationConfiguration {
  readonly issuers: readonly IssuerConfiguration[]
  /** True if callers without a credential are allowed; undefined if the file does not say. */
  readonly isAnonymousAllowed: boolean | undefined
}

/** An issuer of tokens that are accepted. */
export interface IssuerConfiguration {
  /** The exact value of the claim `iss`. */
  readonly url: string
  /** The URL of the issuer's discovery document. */
  readonly discoveryUrl: string
  /** CA certificates (PEM) that the issuer's certificate is verified with; undefined: those that Node.js trusts. */
  readonly certificateAuthority: string | undefined
  /** One of them must be in the claim `aud`. */
  readonly audiences: readonly string[]
  readonly mappings: ClaimMappings
}

/** The configuration, or all that is wrong with it. */
export type ConfigurationReading =
  | { readonly ok: true; readonly configuration: AuthenticationConfiguration }
  | { readonly ok: false; readonly problems: readonly string[] }

const apiVersions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`)

const noExpressions = 'CEL expressions are not supported; name a claim'

/** Kubernetes' limit. */
const issuersMax = 64

/**
 * Reads an AuthenticationConfiguration in the shape of Kubernetes, as YAML or JSON. Fields that ippoold does not support are refused, not
 * ignored: a rule that is not enforced would let in callers that it was meant to keep out.
 * @see https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/
 */
export function readConfiguration(text: string): ConfigurationReading {
  const reader = new Reader()
  let document: unknown
  try {
    document = parse(text)
  } catch (error) {
    return {
      ok: false,
      problems: [`is neither YAML nor JSON: ${error instanceof Error ? error.message : String(error)}`],
    }
  }
  const top = reader.object(document, '', ['apiVersion', 'kind', 'jwt', 'anonymous'])
  const apiVersion = reader.text(top['apiVersion'], 'apiVersion')
  if (apiVersion !== undefined && !apiVersions.includes(apiVersion))
    reader.refuse('apiVersion', `must be ${apiVersions.join(' or ')}`)
  if (top['kind'] !== 'AuthenticationConfiguration') reader.refuse('kind', 'must be AuthenticationConfiguration')
  const entries = reader.list(top['jwt'], 'jwt')
  if (entries.length > issuersMax) reader.refuse('jwt', `must have at most ${issuersMax} entries`)
  const issuers = entries.map((entry, index) => readIssuer(reader, entry, `jwt[${index}]`))
  const urls = issuers.flatMap(({ url, discoveryUrl }) => [...new Set([url, discoveryUrlOf(url), discoveryUrl])])
  if (new Set(urls).size < urls.length) reader.refuse('jwt', 'names an issuer or a discovery URL twice')
  const isAnonymousAllowed = readAnonymous(reader, top['anonymous'])
  return reader.problems.length === 0
    ? { ok: true, configuration: { issuers, isAnonymousAllowed } }
    : { ok: false, problems: reader.problems }
}

function readIssuer(reader: Reader, json: unknown, path: string): IssuerConfiguration {
  const entry = reader.object(json, path, ['issuer', 'claimValidationRules', 'claimMappings', 'userValidationRules'])
  const issuer = reader.object(entry['issuer'], `${path}.issuer`, [
    'url',
    'discoveryURL',
    'certificateAuthority',
    'audiences',
    'audienceMatchPolicy',
    'egressSelectorType',
  ])
  const url = reader.url(issuer['url'], `${path}.issuer.url`) ?? ''
  const discoveryUrl =
    issuer['discoveryURL'] === undefined
      ? discoveryUrlOf(url)
      : (reader.url(issuer['discoveryURL'], `${path}.issuer.discoveryURL`) ?? '')
  const audiences = reader.texts(issuer['audiences'], `${path}.issuer.audiences`)
  if (audiences.length === 0) reader.refuse(`${path}.issuer.audiences`, 'must name at least one audience')
  const policy = issuer['audienceMatchPolicy'] ?? ''
  if (policy !== 'MatchAny' && (policy !== '' || audiences.length > 1)) {
    reader.refuse(`${path}.issuer.audienceMatchPolicy`, 'must be MatchAny')
  }
  if ((issuer['egressSelectorType'] ?? '') !== '')
    reader.refuse(`${path}.issuer.egressSelectorType`, 'is not supported')
  if (reader.list(entry['userValidationRules'], `${path}.userValidationRules`).length > 0) {
    reader.refuse(`${path}.userValidationRules`, noExpressions)
  }
  return {
    url,
    discoveryUrl,
    certificateAuthority: readAuthority(reader, issuer['certificateAuthority'], `${path}.issuer.certificateAuthority`),
    audiences,
    mappings: readMappings(reader, entry, path),
  }
}

function readAuthority(reader: Reader, json: unknown, path: string): string | undefined {
  const pem = json === undefined || json === '' ? undefined : reader.text(json, path)
  if (pem === undefined) return undefined
  try {
    // Node's TLS would ignore a text that is no certificate.
    return new X509Certificate(pem).raw.length > 0 ? pem : undefined
  } catch {
    reader.refuse(path, 'must be CA certificates in PEM')
    return undefined
  }
}

function readMappings(reader: Reader, entry: Fields, path: string): ClaimMappings {
  const at = `${path}.claimMappings`
  const mappings = reader.object(entry['claimMappings'], at, ['username', 'groups', 'uid', 'extra'])
  if (reader.list(mappings['extra'], `${at}.extra`).length > 0) reader.refuse(`${at}.extra`, noExpressions)
  const uid = reader.object(mappings['uid'] ?? {}, `${at}.uid`, ['claim', 'expression'])
  reader.refuseExpression(uid, `${at}.uid`)
  return {
    username: readMapping(reader, mappings['username'] ?? {}, `${at}.username`),
    groups: mappings['groups'] === undefined ? undefined : readMapping(reader, mappings['groups'], `${at}.groups`),
    uidClaim: uid['claim'] === undefined ? undefined : reader.text(uid['claim'], `${at}.uid.claim`),
    required: reader.list(entry['claimValidationRules'], `${path}.claimValidationRules`).map((rule, index) => {
      const place = `${path}.claimValidationRules[${index}]`
      const fields = reader.object(rule, place, ['claim', 'requiredValue', 'expression', 'message'])
      reader.refuseExpression(fields, place)
      const value = fields['requiredValue'] ?? ''
      if (typeof value !== 'string') reader.refuse(`${place}.requiredValue`, 'must be a text')
      return {
        claim: reader.text(fields['claim'], `${place}.claim`) ?? '',
        value: typeof value === 'string' ? value : '',
      }
    }),
  }
}

function readMapping(reader: Reader, json: unknown, path: string): ClaimMapping {
  const fields = reader.object(json, path, ['claim', 'prefix', 'expression'])
  reader.refuseExpression(fields, path)
  const { prefix } = fields
  if (typeof prefix !== 'string') reader.refuse(`${path}.prefix`, 'must be a text; "" for none')
  return {
    claim: reader.text(fields['claim'], `${path}.claim`) ?? '',
    prefix: typeof prefix === 'string' ? prefix : '',
  }
}

function readAnonymous(reader: Reader, json: unknown): boolean | undefined {
  if (json === undefined || json === null) return undefined
  const { enabled, conditions } = reader.object(json, 'anonymous', ['enabled', 'conditions'])
  if (reader.list(conditions, 'anonymous.conditions').length > 0) {
    reader.refuse('anonymous.conditions', 'is not supported; an AccessPolicy says what system:unauthenticated may do')
  }
  if (typeof enabled !== 'boolean') reader.refuse('anonymous.enabled', 'must be true or false')
  return enabled === true
}

/** @see OpenID Connect Discovery 1.0 section 4 */
function discoveryUrlOf(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

type Fields = Readonly<Record<string, unknown>>

/** Reads the parts of a document, and collects what is wrong with them. */
class Reader {
  readonly problems: string[] = []

  refuse(path: string, problem: string): void {
    this.problems.push(path === '' ? problem : `${path}: ${problem}`)
  }

  object(json: unknown, path: string, known: readonly string[]): Fields {
    if (!isObject(json)) {
      this.refuse(path, 'must be an object')
      return {}
    }
    for (const name of Object.keys(json)) {
      if (!known.includes(name)) this.refuse(path === '' ? name : `${path}.${name}`, 'there is no such field')
    }
    return json
  }

  list(json: unknown, path: string): readonly unknown[] {
    if (json === undefined || json === null) return []
    if (Array.isArray(json)) return json
    this.refuse(path, 'must be a list')
    return []
  }

  texts(json: unknown, path: string): readonly string[] {
    return this.list(json, path).map((entry, index) => this.text(entry, `${path}[${index}]`) ?? '')
  }

  /** A text that is not empty. */
  text(json: unknown, path: string): string | undefined {
    if (typeof json === 'string' && json !== '') return json
    this.refuse(path, 'must be a text that is not empty')
    return undefined
  }

  url(json: unknown, path: string): string | undefined {
    const text = this.text(json, path)
    if (text === undefined) return undefined
    const url = URL.parse(text)
    const isPlain = url?.protocol === 'https:' && url.username === '' && url.password === '' && !/[?#]/.test(text)
    if (isPlain) return text
    this.refuse(path, 'must be an https URL without user, query and fragment')
    return undefined
  }

  refuseExpression(fields: Fields, path: string): void {
    if ((fields['expression'] ?? '') !== '') this.refuse(`${path}.expression`, noExpressions)
  }
}

function isObject(json: unknown): json is Fields {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
