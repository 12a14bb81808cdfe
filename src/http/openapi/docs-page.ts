import type { FastifySwaggerUiOptions } from '@fastify/swagger-ui'
import { isJsonArray, type Json, type JsonObject, stringifyJson } from '../../model/index.ts'
import { pathOf, type ServedKind, type StoredObject } from '../../resources/index.ts'
import { mark, markType } from '../mark.ts'
import { makeDocument } from './document.ts'
import { asObject, mapDocument, mapMembers, methods } from './walk.ts'

type Kinds = readonly ServedKind<StoredObject>[]

/** The page loads nothing from other hosts; it contains inline styles. */
const policy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"

/** Options of @fastify/swagger-ui: the page under `/docs`, on which people read about the API and try it out. */
export function docsOptions(kinds: Kinds): FastifySwaggerUiOptions {
  let document: JsonObject | undefined
  return {
    routePrefix: '/docs',
    staticCSP: policy,
    theme: {
      title: 'ippoold: API',
      favicon: [{ filename: 'mark.svg', rel: 'icon', type: markType, sizes: 'any', content: mark }],
    },
    logo: { type: markType, content: mark },
    uiConfig: { defaultModelsExpandDepth: 0, displayRequestDuration: true },
    transformSpecificationClone: false,
    transformSpecification: (_document, { server }) => (document ??= docsDocument(makeDocument(server, '3.1'), kinds)),
  }
}

/**
 * Makes the document of the page from the published one. Operations are grouped by what people do: the published tags are names of
 * generated classes. Examples of optional parameters become part of their descriptions: the page fills in examples, and a request
 * that nobody has edited must do what its title says, not a dry run of it.
 */
function docsDocument(document: JsonObject, kinds: Kinds): JsonObject {
  const groups = groupsOf(kinds)
  const paths = mapMembers(asObject(document['paths']), (item, path) =>
    mapMembers(asObject(item), (operation, method) =>
      methods.some((known) => known === method)
        ? { ...asObject(operation), tags: [groupOf(groups, `${method} ${path}`)] }
        : operation,
    ),
  )
  const tags = groups.map(({ name, description }) => ({ name, description }))
  return mapDocument(
    { ...document, tags, paths },
    {
      schema: (schema) => schema,
      part: (object, part) => (part === 'parameter' && object['required'] !== true ? describeExample(object) : object),
    },
  )
}

/** A group of operations on the page. */
interface Group {
  readonly name: string
  readonly description: string
  /** Matches the method and the path of each of its operations. */
  readonly operations: RegExp
}

const ipamGroups: readonly Group[] = [
  {
    name: 'Assign and release addresses',
    description: 'Get addresses for a handle, and give them back.',
    operations:
      /^(post \/ipam\/v1\/(assign(\/explain)?|ensure|release)|(put|delete) \/ipam\/v1\/handles\/.*|delete \/ipam\/v1\/addresses\/[^/]*)$/,
  },
  {
    name: 'See who holds addresses',
    description: 'Look up addresses and handles, and say who uses an address.',
    operations: /^(\w+ \/ipam\/v1\/addresses.*|get \/ipam\/v1\/handles.*)$/,
  },
  {
    name: 'See how full pools are, and split them',
    description: 'Count the addresses of pools, blocks and quotas, and cut a pool into equal parts.',
    operations:
      /^(get \/ipam\/v1\/(utilization|blocks|quotas|pools|trends|map|map\/addresses)|\w+ \/ipam\/v1\/pools\/.*)$/,
  },
  {
    name: 'Blocks of nodes',
    description: 'Claim blocks for a node in advance, release them, and remove a node that is gone.',
    operations: /^\w+ \/ipam\/v1\/(affinities|nodes).*$/,
  },
  {
    name: 'Check and repair',
    description: 'Check that all stored data is consistent, and repair what is not.',
    operations: /^\w+ \/ipam\/v1\/check.*$/,
  },
  {
    name: 'Search, and try out selectors',
    description: 'Find everything by a text, and the nodes that a selector matches.',
    operations: /^get \/ipam\/v1\/(search|selectors\/nodes)$/,
  },
]

const serverGroup: Group = {
  name: 'The server',
  description: 'The health and the version of the server, and its documents for programs.',
  operations: /^\w+ \/(?!ipam\/|apis\/).*$/,
}

function groupsOf(kinds: Kinds): readonly Group[] {
  const ofKinds = kinds.map((kind) => ({
    name: kind.plural,
    description: kind.description,
    operations: new RegExp(`^\\w+ ${pathOf(kind)}(/.*)?$`),
  }))
  return [...ipamGroups, ...ofKinds, serverGroup]
}

function groupOf(groups: readonly Group[], operation: string): string {
  const group = groups.find(({ operations }) => operations.test(operation))
  if (group === undefined) throw new Error(`${operation} belongs to no group of the page under /docs`)
  return group.name
}

/** Moves the example of a parameter into its description. */
function describeExample({ example, ...parameter }: JsonObject): JsonObject {
  const { examples = [], ...schema } = asObject(parameter['schema'])
  const [found = example] = isJsonArray(examples) ? examples : []
  const description = [parameter['description'], found !== undefined && `Example: \`${printExample(found)}\``]
  return { ...parameter, schema, description: description.filter((text) => typeof text === 'string').join(' ') }
}

function printExample(example: Json): string {
  if (isJsonArray(example)) return example.map(printExample).join('`, `')
  return typeof example === 'string' ? example : stringifyJson(example)
}
