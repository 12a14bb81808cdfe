import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { Agent, request } from 'undici'
import { identifyingArguments, recallMember } from '../../src/embedded-etcd/member.ts'
import { endProcess, findProcess } from '../../src/embedded-etcd/processes.ts'
import { temporaryFolder, whereEtcdIs } from './etcd.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ownProgram = join(root, 'bin', 'ippoold.js')
/** The first start on a machine fetches etcd. */
const startTimeoutMs = 90_000

/** How to start a server. */
export interface ServerSettings {
  /** Added to what every server of a test gets: any free port, and a data directory for this test alone. */
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** The file `bin/ippoold.js` of another version. */
  readonly program?: string
  /** False does not wait until the server is ready, only until it serves. */
  readonly isReadyAwaited?: boolean
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The real server, in a process of its own. It ends with the test, and so does its etcd. */
export interface TestServer {
  /** Without a slash at the end; `unix:` without a port. */
  readonly url: string
  readonly pid: number
  readonly dataDir: string
  /** Its standard output and standard error so far. */
  output(): string
  /** Sends a signal, SIGTERM unless another is named, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ending>
}

/** Starts the server and waits until it is ready. Throws with everything it printed when it does not get so far. */
export async function startServer(t: Test, settings: ServerSettings = {}): Promise<TestServer> {
  const dataDir = settings.env?.['IPPOOLD_DATA_DIR'] ?? (await temporaryFolder(t))
  const { child, output } = launch({ ...settings, env: { IPPOOLD_DATA_DIR: dataDir, ...settings.env } })
  const ended = endOf(child)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    await endEtcdOf(dataDir)
  })
  const deadline = Date.now() + startTimeoutMs
  let url: string | undefined
  while (!(url !== undefined && (settings.isReadyAwaited === false || url === 'unix:' || (await isReady(url))))) {
    url = /^ippoold serves (https?:\S+),/m.exec(output())?.[1]
    // Without a port, there is no URL to ask; it is ready when it says that it serves.
    if (url === undefined && output().includes('ippoold serves the socket')) url = 'unix:'
    const problem = child.exitCode !== null || child.signalCode !== null ? 'ended' : 'did not become ready'
    if (problem === 'ended' || Date.now() > deadline) throw new Error(`The server ${problem}:\n${output()}`)
    await pause(20)
  }
  return {
    url,
    pid: child.pid ?? 0,
    dataDir,
    output,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}

/** Runs the program until it ends by itself, as it does when it cannot start. */
export async function runToEnd(settings: ServerSettings): Promise<Ending & { readonly output: string }> {
  const { child, output } = launch(settings)
  const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs)
  const ending = await endOf(child)
  clearTimeout(timer)
  return { ...ending, output: output() }
}

/** The etcd that runs on a data directory, with or without a server. */
export async function etcdOf(dataDir: string) {
  const member = await recallMember(dataDir)
  return member && findProcess(identifyingArguments(member))
}

async function endEtcdOf(dataDir: string): Promise<void> {
  const etcd = await etcdOf(dataDir)
  if (etcd !== undefined) await endProcess(etcd, 5_000)
}

function launch({ env = {}, args = [], program = ownProgram }: ServerSettings): {
  child: ChildProcess
  output: () => string
} {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    // The signs of life of a leader would change the revision of etcd under tests that compare it.
    env: { ...ownEnvironment(), IPPOOLD_PORT: '0', IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  const collect = (chunk: Buffer): void => {
    printed += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return { child, output: () => printed }
}

/** The environment of the tests, without settings for the server, and without what makes Node.js load the test runner. */
export function ownEnvironment(): Record<string, string> {
  const { binary, cacheDir, environment } = whereEtcdIs()
  const kept = Object.entries(environment).filter(([name]) => !/^(IPPOOLD_|ETCD_|NODE_OPTIONS$)/.test(name))
  return {
    ...Object.fromEntries(kept.map(([name, value]) => [name, value ?? ''])),
    ...(binary === undefined ? {} : { IPPOOLD_ETCD_BINARY: binary }),
    IPPOOLD_CACHE_DIR: cacheDir,
  }
}

/** Resolves when the process has ended and all it printed has arrived. */
async function endOf(child: ChildProcess): Promise<Ending> {
  await once(child, 'close')
  return { code: child.exitCode, signal: child.signalCode }
}

/** Whether the certificate is right is for the tests to find out. */
const dispatcher = new Agent({ connect: { rejectUnauthorized: false }, pipelining: 0 })

async function isReady(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`${url}/readyz`, { dispatcher })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}
