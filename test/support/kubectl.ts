import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { fetchDebianProgram } from '../../src/embedded-etcd/debian-package.ts'
import { temporaryFolder, whereEtcdIs } from './etcd.ts'

/** A kubectl of this machine. */
export interface KubectlBinary {
  readonly path: string
  /** Such as `1.20.2`. */
  readonly version: string
  /** The second number of the version. */
  readonly minor: number
}

/** The result of a kubectl command. */
export interface Run {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/** Options of a kubectl command. */
export interface RunOptions {
  readonly input?: string
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** A kubectl that talks to one server, with a home of its own: no configuration, and nothing remembered of earlier tests. */
export interface Kubectl {
  /** Runs it to its end, `input` on its standard input. */
  run(args: readonly string[], options?: RunOptions): Promise<Run>
  /** Runs it, and gives what it prints on standard output. Throws when it fails. */
  print(args: readonly string[], options?: RunOptions): Promise<string>
  /** Starts it. The caller ends it, or the end of the test does. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams
}

/** Longer than any command takes. */
const timeoutMs = 60_000

/** A kubectl for the server at `url`, without a slash at the end. */
export async function kubectlFor(t: Test, url: string, binary: KubectlBinary): Promise<Kubectl> {
  const home = await temporaryFolder(t)
  const start = (args: readonly string[], env: RunOptions['env'] = {}): ChildProcessWithoutNullStreams => {
    const child = spawn(binary.path, ['--server', url, ...args], {
      cwd: home,
      env: { ...environmentIn(home), ...env },
      timeout: timeoutMs,
    })
    t.teardown(() => child.kill('SIGKILL'))
    return child
  }
  const run: Kubectl['run'] = async (args, { input = '', env = {} } = {}) => {
    const child = start(args, env)
    const printed = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        printed[stream] += text
      })
    }
    // A command that does not read its input may end before it is written.
    child.stdin.on('error', () => undefined).end(input)
    await once(child, 'close')
    return { ...printed, code: child.exitCode }
  }
  const print: Kubectl['print'] = async (args, options) => {
    const { stdout, stderr, code } = await run(args, options)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${String(code)}:\n${stderr}`)
    return stdout
  }
  return { run, print, start }
}

/**
 * The kubectls to test with: the one on the PATH, if there is one, and Debian's, which is old and asks for other things. Debian's is
 * fetched once into the cache of the tests, without installing it.
 */
export async function findKubectls(): Promise<readonly KubectlBinary[]> {
  const installed = await onPath()
  const debian = await debianKubectl()
  return [...(installed === undefined ? [] : [installed]), ...(debian.version === installed?.version ? [] : [debian])]
}

async function onPath(): Promise<KubectlBinary | undefined> {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => isAbsolute(folder))
  for (const folder of folders) {
    const found = await probe(join(folder, 'kubectl'))
    if (found !== undefined) return found
  }
  return undefined
}

async function debianKubectl(): Promise<KubectlBinary> {
  const { cacheDir, environment, announce } = whereEtcdIs()
  const target = join(cacheDir, `kubectl-debian-${process.platform}-${process.arch}`)
  const cached = await probe(target)
  if (cached !== undefined) return cached
  announce(`Fetching Debian's kubernetes-client package into ${cacheDir}, once, without installing it.`)
  await fetchDebianProgram({ from: 'kubernetes-client', program: 'kubectl' }, target, environment, async (path) => {
    if ((await probe(path)) === undefined) throw new Error(`Debian's kubectl cannot be run: ${path}`)
  })
  const fetched = await probe(target)
  if (fetched === undefined) throw new Error(`${target}, which was just fetched, cannot be run`)
  return fetched
}

/** Undefined: this is no kubectl that runs. */
async function probe(path: string): Promise<KubectlBinary | undefined> {
  try {
    await access(path, constants.X_OK)
    const { stdout } = await promisify(execFile)(path, ['version', '--client', '-o', 'json'], { timeout: timeoutMs })
    const [, version, minor] = /"gitVersion": "v(1\.(\d+)\.\d+)/.exec(stdout) ?? []
    return version === undefined ? undefined : { path, version, minor: Number(minor) }
  } catch {
    return undefined
  }
}

/** Google's kubectl looks for its relatives on the PATH. */
function environmentIn(home: string): Record<string, string> {
  return { HOME: home, PATH: process.env['PATH'] ?? '', LC_ALL: 'C' }
}
