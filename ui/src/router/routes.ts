/** What is shown, and of what. Each is an address that can be sent to somebody. */
export type Route =
  | { readonly view: 'pools' }
  | { readonly view: 'new-pool' }
  | { readonly view: 'pool'; readonly name: string; readonly at?: string }
  | { readonly view: 'edit-pool'; readonly name: string }
  | { readonly view: 'block'; readonly cidr: string }
  | ({ readonly view: 'addresses' } & AddressFilter)
  | { readonly view: 'address'; readonly address: string }
  | { readonly view: 'handle'; readonly handle: string }
  | { readonly view: 'nodes' }
  | { readonly view: 'node'; readonly name: string }
  | { readonly view: 'reservations' }
  | { readonly view: 'check' }
  | { readonly view: 'try-selector'; readonly text?: string }
  | ({ readonly view: 'try-assign' } & AssignDraft)
  | { readonly view: 'unknown'; readonly path: string }

/** Which addresses are listed, and in which order. */
export interface AddressFilter {
  readonly q?: string
  readonly pool?: string
  readonly node?: string
  readonly cidr?: string
  readonly attribute?: string
  readonly sort?: string
}

/** What an assign asks for, as it is typed in. */
export interface AssignDraft {
  readonly handle?: string
  readonly node?: string
  readonly ipv4?: string
  readonly ipv6?: string
  readonly addresses?: string
  readonly pools?: string
  readonly use?: string
  readonly attributes?: string
}

const filterFields = ['q', 'pool', 'node', 'cidr', 'attribute', 'sort'] as const
const draftFields = ['handle', 'node', 'ipv4', 'ipv6', 'addresses', 'pools', 'use', 'attributes'] as const

/** Reads the part of the page's address that begins with `#`. What leads nowhere is the view `unknown`. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = splitOnce(hash.replace(/^#/, ''), '?')
  const [first = '', second, third, ...more] = path.split('/').slice(1).map(decode)
  const fields = new URLSearchParams(query)
  const unknown: Route = { view: 'unknown', path }
  if (more.length > 0) return unknown
  if (third !== undefined)
    return first === 'pools' && second !== undefined && second !== '' && third === 'edit'
      ? { view: 'edit-pool', name: second }
      : unknown
  return (
    (second === undefined || second === '' ? listRoute(first, fields) : objectRoute(first, second, fields)) ?? unknown
  )
}

function listRoute(first: string, fields: URLSearchParams): Route | undefined {
  switch (first) {
    case '':
    case 'pools':
      return { view: 'pools' }
    case 'new-pool':
    case 'nodes':
    case 'reservations':
    case 'check':
      return { view: first }
    case 'addresses':
      return { view: 'addresses', ...pick(fields, filterFields) }
    default:
      return undefined
  }
}

function objectRoute(first: string, second: string, fields: URLSearchParams): Route | undefined {
  switch (first) {
    case 'pools':
      return { view: 'pool', name: second, ...pick(fields, ['at']) }
    case 'blocks':
      return { view: 'block', cidr: second }
    case 'addresses':
      return { view: 'address', address: second }
    case 'handles':
      return { view: 'handle', handle: second }
    case 'nodes':
      return { view: 'node', name: second }
    case 'try':
      if (second === 'selector') return { view: 'try-selector', ...pick(fields, ['text']) }
      return second === 'assign' ? { view: 'try-assign', ...pick(fields, draftFields) } : undefined
    default:
      return undefined
  }
}

/** The inverse of {@link parseRoute}, beginning with `#/`. */
export function printRoute(route: Route): string {
  switch (route.view) {
    case 'pools':
      return '#/'
    case 'new-pool':
    case 'nodes':
    case 'reservations':
    case 'check':
      return `#/${route.view}`
    case 'pool':
      return `#/pools/${encode(route.name)}${queryOf(route, ['at'])}`
    case 'edit-pool':
      return `#/pools/${encode(route.name)}/edit`
    case 'block':
      return `#/blocks/${encode(route.cidr)}`
    case 'addresses':
      return `#/addresses${queryOf(route, filterFields)}`
    case 'address':
      return `#/addresses/${encode(route.address)}`
    case 'handle':
      return `#/handles/${encode(route.handle)}`
    case 'node':
      return `#/nodes/${encode(route.name)}`
    case 'try-selector':
      return `#/try/selector${queryOf(route, ['text'])}`
    case 'try-assign':
      return `#/try/assign${queryOf(route, draftFields)}`
    case 'unknown':
      return `#${route.path}`
  }
}

function pick<Name extends string>(
  fields: URLSearchParams,
  names: readonly Name[],
): { readonly [Key in Name]?: string } {
  const picked: { [Key in Name]?: string } = {}
  for (const name of names) {
    const value = fields.get(name)
    if (value !== null && value !== '') picked[name] = value
  }
  return picked
}

function queryOf<Name extends string>(values: { readonly [Key in Name]?: string }, names: readonly Name[]): string {
  const fields = new URLSearchParams()
  for (const name of names) {
    const value: string | undefined = values[name]
    if (value !== undefined && value !== '') fields.set(name, value)
  }
  return fields.size === 0 ? '' : `?${fields.toString()}`
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** A slash in a name would begin another part of the path. Colons and the like stay readable. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
