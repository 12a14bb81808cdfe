import { dirname, resolve } from 'node:path'

/** A file in kubectl's format, as far as it is used here. File names in it are relative to its folder. */
export interface Kubeconfig {
  readonly currentContext: string | undefined
  readonly contexts: ReadonlyMap<string, Entry>
  readonly clusters: ReadonlyMap<string, Entry>
  readonly users: ReadonlyMap<string, Entry>
}

/** An entry of the file, with the folder that its file names are relative to. */
interface Entry {
  readonly fields: Fields
  readonly folder: string
}

type Fields = Readonly<Record<string, unknown>>

/** A certificate or key: in a file, or in the configuration itself. */
export type Material = { readonly file: string } | { readonly pem: string }

/** A program that gives the credential. */
export interface CredentialPlugin {
  readonly apiVersion: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly installHint: string | undefined
}

/** The content of a context: the server, and the credentials of the caller. */
export interface Context {
  readonly server: string
  readonly serverName: string | undefined
  readonly certificateAuthority: Material | undefined
  readonly isInsecure: boolean
  readonly clientCertificate: Material | undefined
  readonly clientKey: Material | undefined
  readonly token: string | undefined
  readonly tokenFile: string | undefined
  readonly plugin: CredentialPlugin | undefined
  readonly namespace: string | undefined
}

/** Something in the configuration that cannot be used. The message names the field. */
export class ConfigProblem extends Error {}

/**
 * Reads one file, given as the value that YAML gives. Throws {@link ConfigProblem}.
 * @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
export function readKubeconfig(file: string, content: unknown): Kubeconfig {
  if (!isFields(content)) throw new ConfigProblem(`${file} is no configuration in kubectl's format`)
  const folder = dirname(resolve(file))
  const entries = (list: string, entry: string): ReadonlyMap<string, Entry> => {
    const items: unknown = content[list] ?? []
    if (!Array.isArray(items)) throw new ConfigProblem(`${file}: ${list} must be a list`)
    return new Map(
      items.flatMap((item: unknown) => {
        const name = isFields(item) ? item['name'] : undefined
        const fields = isFields(item) ? item[entry] : undefined
        if (typeof name !== 'string') throw new ConfigProblem(`${file}: an entry of ${list} has no name`)
        return [[name, { fields: isFields(fields) ? fields : {}, folder }] as const]
      }),
    )
  }
  const current = content['current-context']
  return {
    currentContext: typeof current === 'string' && current !== '' ? current : undefined,
    contexts: entries('contexts', 'context'),
    clusters: entries('clusters', 'cluster'),
    users: entries('users', 'user'),
  }
}

/** Merges files as kubectl does: the first that names something decides. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const merge = (list: 'contexts' | 'clusters' | 'users'): ReadonlyMap<string, Entry> =>
    new Map(configs.toReversed().flatMap((config) => [...config[list]]))
  return {
    currentContext: configs.find(({ currentContext }) => currentContext !== undefined)?.currentContext,
    contexts: merge('contexts'),
    clusters: merge('clusters'),
    users: merge('users'),
  }
}

/** Reads what a context says: the one named, else the current one. Throws {@link ConfigProblem}. */
export function contextIn(config: Kubeconfig, wanted?: string): Context {
  const name = wanted ?? config.currentContext
  if (name === undefined) throw new ConfigProblem('no context is chosen: there is no current-context')
  const context = config.contexts.get(name)
  if (context === undefined) {
    const known = [...config.contexts.keys()].join(', ') || 'none'
    throw new ConfigProblem(`there is no context ${JSON.stringify(name)}; there are: ${known}`)
  }
  const clusterName = textIn(context.fields, 'cluster')
  const cluster = clusterName === undefined ? undefined : config.clusters.get(clusterName)
  const server = cluster && textIn(cluster.fields, 'server')
  if (cluster === undefined || server === undefined)
    throw new ConfigProblem(`the cluster of the context ${JSON.stringify(name)} has no server`)
  if (textIn(cluster.fields, 'proxy-url') !== undefined) throw new ConfigProblem('proxy-url is not supported')
  const userName = textIn(context.fields, 'user')
  const user = userName === undefined ? undefined : config.users.get(userName)
  if (userName !== undefined && user === undefined)
    throw new ConfigProblem(
      `there is no user ${JSON.stringify(userName)}, which the context ${JSON.stringify(name)} names`,
    )
  const { fields, folder } = user ?? { fields: {}, folder: '.' }
  for (const field of ['username', 'auth-provider', 'as'])
    if (field in fields) throw new ConfigProblem(`${field} of the user ${JSON.stringify(userName)} is not supported`)
  const tokenFile = textIn(fields, 'tokenFile')
  return {
    server,
    serverName: textIn(cluster.fields, 'tls-server-name'),
    certificateAuthority: materialIn(cluster, 'certificate-authority'),
    isInsecure: cluster.fields['insecure-skip-tls-verify'] === true,
    clientCertificate: materialIn({ fields, folder }, 'client-certificate'),
    clientKey: materialIn({ fields, folder }, 'client-key'),
    token: textIn(fields, 'token'),
    tokenFile: tokenFile === undefined ? undefined : resolve(folder, tokenFile),
    plugin: pluginIn(fields, folder),
    namespace: textIn(context.fields, 'namespace'),
  }
}

/** Data counts before a file, as for kubectl. */
function materialIn({ fields, folder }: Entry, name: string): Material | undefined {
  const data = textIn(fields, `${name}-data`)
  if (data !== undefined) return { pem: Buffer.from(data, 'base64').toString('utf8') }
  const file = textIn(fields, name)
  return file === undefined ? undefined : { file: resolve(folder, file) }
}

function pluginIn(fields: Fields, folder: string): CredentialPlugin | undefined {
  const exec = fields['exec']
  if (!isFields(exec)) return undefined
  const command = textIn(exec, 'command')
  const apiVersion = textIn(exec, 'apiVersion')
  if (command === undefined || apiVersion === undefined)
    throw new ConfigProblem('exec of a user must have command and apiVersion')
  const { args, env } = exec
  const variables = (Array.isArray(env) ? env : []).flatMap((entry: unknown) => {
    const name = isFields(entry) ? textIn(entry, 'name') : undefined
    return name === undefined || !isFields(entry) ? [] : [[name, textIn(entry, 'value') ?? ''] as const]
  })
  return {
    apiVersion,
    // A command without a slash is looked for on the PATH.
    command: command.includes('/') ? resolve(folder, command) : command,
    args: (Array.isArray(args) ? args : []).map(String),
    env: Object.fromEntries(variables),
    installHint: textIn(exec, 'installHint'),
  }
}

function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** True if a value is an object with fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
