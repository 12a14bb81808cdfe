import { perform, type Schemas } from '../api/index.ts'
import { formatAddress, formatCidr, parseAddress, parseCidr } from '../../../src/net/index.ts'
import type { Route } from '../router/index.ts'

/** What a search found: its kind, its name, what to say of it, and the view that shows it. */
export interface Found {
  readonly kind: string
  readonly name: string
  readonly about: string
  readonly to: Route
}

const perKind = 8

/** What a text can be by its form alone: an address, or a range. It needs no answer of the server. */
export function recognise(text: string): readonly Found[] {
  const trimmed = text.trim()
  const address = parseAddress(trimmed)
  if (address !== undefined) {
    const name = formatAddress(address)
    return [{ kind: 'address', name, about: '', to: { view: 'address', address: name } }]
  }
  const cidr = parseCidr(trimmed)
  if (cidr === undefined) return []
  const name = formatCidr(cidr)
  return [{ kind: 'range', name, about: 'addresses held in it', to: { view: 'addresses', cidr: name } }]
}

/** Where else a text can be looked for. */
export function everywhere(text: string): Found {
  return { kind: 'addresses', name: `with “${text}”`, about: 'all that are held', to: { view: 'addresses', q: text } }
}

/** Asks the server. Undefined if it does not answer. */
export async function find(text: string): Promise<readonly Found[] | undefined> {
  const outcome = await perform((api) => api.GET('/ipam/v1/search', { params: { query: { q: text, limit: perKind } } }))
  return outcome.ok ? outcome.data.results.map(foundOf) : undefined
}

function foundOf(result: Schemas['SearchResult']): Found {
  const { kind, name, cidr, pool, handle, node } = result
  const about = [cidr !== name && cidr, handle !== name && handle, node !== name && node, pool !== name && pool]
  return { kind, name, about: about.find((part) => typeof part === 'string') || '', to: routeOf(kind, name) }
}

function routeOf(kind: Schemas['SearchResult']['kind'], name: string): Route {
  switch (kind) {
    case 'pool':
      return { view: 'pool', name }
    case 'block':
      return { view: 'block', cidr: name }
    case 'address':
      return { view: 'address', address: name }
    case 'handle':
      return { view: 'handle', handle: name }
    case 'node':
      return { view: 'node', name }
    case 'reservation':
      return { view: 'reservations' }
  }
}
