import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { parse } from 'yaml'
import {
  type Context,
  contextIn,
  type Kubeconfig,
  type Material,
  mergeKubeconfigs,
  readKubeconfig,
} from '../../../kubeconfig/index.ts'

/** The credentials of the caller, and the authorities that vouch for the API server. */
export interface Credentials {
  readonly token: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
  /** The authorities that may have signed the API server's certificate (PEM); undefined: those of the machine. */
  readonly authorities: string | undefined
}

/** The way to an API server. */
export interface ApiConnection {
  /** Such as `https://10.96.0.1:443`. */
  readonly url: string
  /** The name in the API server's certificate, if it is not that of the URL. */
  readonly serverName: string | undefined
  /** True if any certificate of the API server is believed. */
  readonly isInsecure: boolean
  /** The namespace that the credentials belong to. */
  readonly namespace: string
  /** Reads the credentials afresh: tokens and certificates are rotated. Throws if a file cannot be read. */
  readCredentials(): Promise<Credentials>
}

/** Variables of the process, by their names. */
type Environment = Readonly<Record<string, string | undefined>>

/** The folder in which a pod has the credentials of its ServiceAccount. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The connection that a kubeconfig describes: the file given, else those of `KUBECONFIG`, else, in a pod, that of its ServiceAccount.
 * Throws an Error that says what is missing, `ConfigProblem` for a kubeconfig that cannot be used.
 */
export async function findConnection(
  file: string | undefined,
  environment: Environment,
  folder = accountFolder,
): Promise<ApiConnection> {
  const files = file === undefined ? (environment['KUBECONFIG']?.split(delimiter) ?? []) : [file]
  const named = files.filter((name) => name !== '')
  if (named.length > 0) return connectionOf(contextIn(mergeKubeconfigs(await Promise.all(named.map(readConfig)))))
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment
  if (host === undefined) {
    throw new Error('there is no way to the API server: not in a pod, and neither a kubeconfig nor KUBECONFIG is given')
  }
  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    serverName: undefined,
    isInsecure: false,
    namespace: (await readFile(join(folder, 'namespace'), 'utf8')).trim(),
    readCredentials: async () => ({
      token: (await readFile(join(folder, 'token'), 'utf8')).trim(),
      certificate: undefined,
      key: undefined,
      authorities: await readFile(join(folder, 'ca.crt'), 'utf8'),
    }),
  }
}

async function readConfig(file: string): Promise<Kubeconfig> {
  const text = await readFile(file, 'utf8')
  let content: unknown
  try {
    content = parse(text)
  } catch (cause) {
    throw new Error(`${file} is neither YAML nor JSON`, { cause })
  }
  return readKubeconfig(file, content)
}

function connectionOf(context: Context): ApiConnection {
  if (context.plugin !== undefined) {
    throw new Error(
      `the user of the kubeconfig has a credential plugin (${context.plugin.command}), which a server does not run: give it a token, a tokenFile or a client certificate`,
    )
  }
  return {
    url: context.server.replace(/\/+$/, ''),
    serverName: context.serverName,
    isInsecure: context.isInsecure,
    namespace: context.namespace ?? 'default',
    readCredentials: async () => ({
      token: context.tokenFile === undefined ? context.token : (await readFile(context.tokenFile, 'utf8')).trim(),
      certificate: await pemOf(context.clientCertificate),
      key: await pemOf(context.clientKey),
      authorities: await pemOf(context.certificateAuthority),
    }),
  }
}

async function pemOf(material: Material | undefined): Promise<string | undefined> {
  if (material === undefined) return undefined
  return 'pem' in material ? material.pem : readFile(material.file, 'utf8')
}
