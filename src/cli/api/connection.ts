import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { exitCodes, Failure, usageFailure } from '../failures.ts'
import {
  ConfigProblem,
  type Context,
  contextIn,
  type CredentialPlugin,
  isFields,
  type Kubeconfig,
  type Material,
  mergeKubeconfigs,
  readKubeconfig,
} from '../../kubeconfig/index.ts'

/** The connection that flags and variables ask for; a flag takes precedence over a variable, and both over a context. */
export interface ConnectionOptions {
  readonly server?: string | undefined
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  readonly config?: string | undefined
  readonly context?: string | undefined
  readonly certificateAuthority?: string | undefined
  readonly clientCertificate?: string | undefined
  readonly clientKey?: string | undefined
  readonly insecureSkipTlsVerify?: boolean | undefined
}

/** The address of the server, and the credentials of the caller. */
export interface Connection {
  /** Without a slash at the end. For a Unix socket, what the server is called there. */
  readonly url: string
  readonly socketPath: string | undefined
  readonly token: string | undefined
  readonly tls: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly servername?: string
    readonly rejectUnauthorized: boolean
  }
}

const defaultServer = 'http://127.0.0.1:8080'

const nothing: Context = {
  server: defaultServer,
  serverName: undefined,
  certificateAuthority: undefined,
  isInsecure: false,
  clientCertificate: undefined,
  clientKey: undefined,
  token: undefined,
  tokenFile: undefined,
  plugin: undefined,
  namespace: undefined,
}

/** Finds out which server to call, and reads the credentials. Throws a {@link Failure} that says which setting is wrong. */
export async function connectionOf(
  options: ConnectionOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Connection> {
  try {
    const context = await chooseContext(options, environment)
    const { url, socketPath } = addressOf(options.server ?? context.server)
    const ca = await pemOf(fileOf(options.certificateAuthority) ?? context.certificateAuthority)
    const issued = context.plugin === undefined ? {} : await runPlugin(context.plugin, environment)
    const cert = (await pemOf(fileOf(options.clientCertificate) ?? context.clientCertificate)) ?? issued.certificate
    const key = (await pemOf(fileOf(options.clientKey) ?? context.clientKey)) ?? issued.key
    return {
      url,
      socketPath,
      token:
        options.token ??
        (await tokenIn(options.tokenFile)) ??
        context.token ??
        (await tokenIn(context.tokenFile)) ??
        issued.token,
      tls: {
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(context.serverName !== undefined && { servername: context.serverName }),
        rejectUnauthorized: !(options.insecureSkipTlsVerify ?? context.isInsecure),
      },
    }
  } catch (problem) {
    if (problem instanceof ConfigProblem) throw usageFailure(problem.message)
    throw problem
  }
}

/**
 * The context to use. A kubeconfig of kubectl is read only if a context is named: its current one is most likely a Kubernetes cluster.
 */
async function chooseContext(
  { server, config, context }: ConnectionOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Context> {
  if (config !== undefined) return contextIn(await readConfig(config), context)
  if (server !== undefined && context === undefined) return nothing
  const home = environment['HOME'] ?? homedir()
  const own = await readConfigIfThere(join(environment['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'ippool', 'config'))
  if (context === undefined) return own === undefined ? nothing : contextIn(own)
  const files = environment['KUBECONFIG']?.split(delimiter).filter((file) => file !== '') ?? [
    join(home, '.kube', 'config'),
  ]
  const configs = await Promise.all(files.map(readConfigIfThere))
  return contextIn(mergeKubeconfigs([own, ...configs].filter((one) => one !== undefined)), context)
}

async function readConfigIfThere(file: string): Promise<Kubeconfig | undefined> {
  try {
    return await readConfig(file)
  } catch (problem) {
    if (problem instanceof Failure && isMissing(problem.cause)) return undefined
    throw problem
  }
}

async function readConfig(file: string): Promise<Kubeconfig> {
  const text = await read(file)
  const { parse } = await import('yaml')
  let content: unknown
  try {
    content = parse(text)
  } catch {
    throw new ConfigProblem(`${file} is neither YAML nor JSON`)
  }
  return readKubeconfig(file, content)
}

/** Reads `http://…`, `https://…`, `unix:///path` and `unix:path`. */
function addressOf(server: string): { readonly url: string; readonly socketPath: string | undefined } {
  const [, socketPath] = /^unix:(?:\/\/)?(.+)$/.exec(server) ?? []
  if (socketPath !== undefined) return { url: 'http://localhost', socketPath }
  const url = URL.parse(server.includes('://') ? server : `http://${server}`)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    throw usageFailure(
      `the server ${JSON.stringify(server)} must be an http or https URL, or unix:///PATH`,
      'As in https://ipam.example.org:8080, or unix:///run/ippoold.sock.',
    )
  return { url: url.href.replace(/\/+$/, ''), socketPath: undefined }
}

function fileOf(file: string | undefined): Material | undefined {
  return file === undefined ? undefined : { file }
}

async function pemOf(material: Material | undefined): Promise<string | undefined> {
  if (material === undefined) return undefined
  return 'pem' in material ? material.pem : await read(material.file)
}

async function tokenIn(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : (await read(file)).trim()
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (problem) {
    const failure = usageFailure(
      `${file} cannot be read: ${problem instanceof Error ? problem.message : String(problem)}`,
    )
    failure.cause = problem
    throw failure
  }
}

function isMissing(problem: unknown): boolean {
  return problem instanceof Error && 'code' in problem && (problem.code === 'ENOENT' || problem.code === 'ENOTDIR')
}

/** The credential that a credential plugin returns. */
interface IssuedCredential {
  readonly token?: string
  readonly certificate?: string
  readonly key?: string
}

const pluginTimeoutMs = 60_000

/**
 * Runs a credential plugin, without a terminal.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
async function runPlugin(
  { apiVersion, command, args, env, installHint }: CredentialPlugin,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<IssuedCredential> {
  const info = JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { interactive: false } })
  let status: unknown
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      env: { ...environment, ...env, KUBERNETES_EXEC_INFO: info },
      timeout: pluginTimeoutMs,
    })
    const answer: unknown = JSON.parse(stdout)
    status = isFields(answer) ? answer['status'] : undefined
  } catch (problem) {
    const message = problem instanceof Error ? problem.message.trim() : String(problem)
    throw new Failure(exitCodes.forbidden, `the credential plugin ${command} failed: ${message}`, installHint)
  }
  if (!isFields(status)) throw new Failure(exitCodes.forbidden, `the credential plugin ${command} gave no status`)
  const { token, clientCertificateData: certificate, clientKeyData: key } = status
  return {
    ...(typeof token === 'string' && { token }),
    ...(typeof certificate === 'string' && { certificate }),
    ...(typeof key === 'string' && { key }),
  }
}
