import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultCacheDir, startEmbeddedEtcd } from '../src/embedded-etcd/index.ts'

/** A server under measurement. */
export interface BenchServer {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** An etcd for measurements; its data go with it. */
export interface BenchEtcd {
  readonly endpoint: string
  stop(): Promise<void>
}

/** An etcd with no data, run as the server runs its own. */
export async function startBenchEtcd(): Promise<BenchEtcd> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ippoold-bench-'))
  const complain = (details: object, message: string): void => {
    process.stderr.write(`${message} ${JSON.stringify(details)}\n`)
  }
  const etcd = await startEmbeddedEtcd({
    dataDir,
    cacheDir: defaultCacheDir(process.env),
    environment: process.env,
    announce: (line) => process.stdout.write(`${line}\n`),
    logger: { info: () => undefined, warn: complain, error: complain },
  })
  return {
    endpoint: etcd.endpoint,
    stop: async () => {
      await etcd.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/**
 * Starts the server as `npm start` does, on a free port. Resolves once it serves; throws with what it printed when it ends before. `folder`
 * has the code: this clone, unless another is given.
 */
export async function startBenchServer(
  settings: Readonly<Record<string, string>>,
  folder = process.cwd(),
): Promise<BenchServer> {
  const child = spawn(process.execPath, ['--max-semi-space-size=32', 'bin/ippoold.js'], {
    cwd: folder,
    env: { ...process.env, IPPOOLD_PORT: '0', IPPOOLD_LOG_LEVEL: 'error', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  const url = await new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      printed += chunk.toString()
      const match = /https?:\/\/127\.0\.0\.1:\d+/.exec(printed)
      if (match !== null && printed.includes('erv')) resolve(match[0])
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('exit', (code) => {
      reject(new Error(`The server ended with code ${String(code)} before it served:\n${printed}`))
    })
  })
  await untilReady(url)
  const { pid } = child
  if (pid === undefined) throw new Error('The server has no process id.')
  return {
    url,
    pid,
    stop: async () => {
      const ended = new Promise((resolve) => {
        child.once('exit', resolve)
      })
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** A port that no program has. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Creates a pool; throws when it is refused. */
export async function createPool(
  url: string,
  name: string,
  cidr: string,
  spec: object = {},
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const created = await fetch(`${url}/apis/projectcalico.org/v3/ippools`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name, labels },
      spec: { cidr, ...spec },
    }),
  })
  if (!created.ok) throw new Error(await created.text())
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) {
    const response = await fetch(`${url}/readyz`).catch(() => undefined)
    if (response?.ok === true) return
    await sleep(50)
  }
  throw new Error(`${url} did not become ready.`)
}

/** The resident memory of a process, in MiB: at present, and at its highest. */
export async function resident(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1_024
  return { now: field('VmRSS'), peak: field('VmHWM') }
}

/** The processor time that a process has used, in milliseconds. */
export async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // In ticks, of which Linux has 100 a second: utime and stime, fields 14 and 15 of proc(5).
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** The most that a process has used of memory until `signal`, in MiB. */
export async function mostResident(pid: number, signal: AbortSignal): Promise<number> {
  let most = 0
  while (!signal.aborted) {
    most = Math.max(most, (await resident(pid)).now)
    await sleep(200)
  }
  return most
}
