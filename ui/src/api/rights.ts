import { signal } from '@preact/signals'
import { token } from './credentials.ts'
import { send } from './client.ts'
import { isFields } from '../fields.ts'
import { serverUrl } from './server-url.ts'

/** A rule of what the caller may do. `*` stands for everything. */
export interface AccessRule {
  readonly verbs: readonly string[]
  readonly resources: readonly string[]
}

/** Who calls, as the server knows it, and what the caller may do; undefined before the first answer. */
export const caller = signal<{ readonly name: string; readonly rules: readonly AccessRule[] } | undefined>(undefined)

/**
 * True if some rule lets the caller do this to some objects. A rule for certain pools or handles counts too: whether it holds for this
 * one is what the dry run says.
 */
export function may(verb: string, resource: string): boolean {
  return allows(caller.value?.rules ?? [], verb, resource)
}

/** True if one of the rules has both the verb and the resource. */
function allows(rules: readonly AccessRule[], verb: string, resource: string): boolean {
  const has = (values: readonly string[], value: string): boolean => values.includes('*') || values.includes(value)
  return rules.some(({ verbs, resources }) => has(verbs, verb) && has(resources, resource))
}

/** Keeps {@link caller} up to date with the token. */
export function followCaller(): void {
  token.subscribe(() => void readCaller())
}

async function readCaller(): Promise<void> {
  try {
    const [review, rules] = await Promise.all([
      ask('authentication.k8s.io/v1/selfsubjectreviews', {}),
      ask('authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'default' } }),
    ])
    const user = isFields(review['userInfo']) ? review['userInfo']['username'] : undefined
    const listed = Array.isArray(rules['resourceRules']) ? rules['resourceRules'].filter(isFields) : []
    caller.value = {
      name: typeof user === 'string' ? user : '',
      rules: listed.map(({ verbs, resources }) => ({ verbs: texts(verbs), resources: texts(resources) })),
    }
  } catch {
    caller.value = undefined
  }
}

async function ask(path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const request = new Request(`${serverUrl}/apis/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const response = await send(request)
  const review: unknown = await response.json()
  if (!response.ok || !isFields(review) || !isFields(review['status'])) throw new Error(`status ${response.status}`)
  return review['status']
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
