import type { AssignDraft } from '../router/index.ts'

/** An assign as the API takes it. */
export interface AssignFields {
  handle?: string
  node?: string
  ipv4?: number
  ipv6?: number
  addresses?: string[]
  pools?: string[]
  use?: 'Workload' | 'Tunnel' | 'LoadBalancer'
  attributes?: Record<string, string>
}

const uses = ['Workload', 'Tunnel', 'LoadBalancer'] as const

/**
 * Reads an assign as it is typed: lists with commas, spaces or new lines in between, attributes as `name=value`. Counts are left out when
 * addresses are named. Whatever else is wrong, the server says.
 */
export function readAssign(draft: AssignDraft): AssignFields {
  const request: AssignFields = {}
  const [handle, node] = [draft.handle?.trim() ?? '', draft.node?.trim() ?? '']
  if (handle !== '') request.handle = handle
  if (node !== '') request.node = node
  const addresses = wordsOf(draft.addresses)
  if (addresses.length > 0) request.addresses = addresses
  else {
    const [ipv4, ipv6] = [countOf(draft.ipv4), countOf(draft.ipv6)]
    if (ipv4 !== undefined) request.ipv4 = ipv4
    if (ipv6 !== undefined) request.ipv6 = ipv6
  }
  const pools = wordsOf(draft.pools)
  if (pools.length > 0) request.pools = pools
  const use = uses.find((one) => one === draft.use)
  if (use !== undefined && use !== 'Workload') request.use = use
  const attributes = wordsOf(draft.attributes).map(splitAttribute)
  if (attributes.length > 0) request.attributes = Object.fromEntries(attributes)
  return request
}

/** Words with commas, spaces or new lines in between. */
export function wordsOf(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '')
}

function countOf(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? ''
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined
}

function splitAttribute(word: string): readonly [string, string] {
  const at = word.indexOf('=')
  return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)]
}
