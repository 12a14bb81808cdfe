import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A server under measurement. */
export interface BenchServer {
  readonly url: string
  /** The first etcd endpoint that it uses. */
  readonly etcd: string
  stop(): Promise<void>
}

/**
 * Starts the built server on a free port, by default with an etcd of its own in a temporary directory. Resolves once it serves;
 * throws with what it printed when it ends before.
 */
export async function startBenchServer(settings: Readonly<Record<string, string>> = {}): Promise<BenchServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ippoold-bench-'))
  const child = spawn(process.execPath, ['dist/main.js'], {
    env: { ...process.env, IPPOOLD_PORT: '0', IPPOOLD_DATA_DIR: dataDir, IPPOOLD_LOG_LEVEL: 'error', ...settings },
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
  return {
    url,
    etcd: await etcdEndpoint(url),
    stop: async () => {
      const ended = new Promise((resolve) => {
        child.once('exit', resolve)
      })
      child.kill('SIGTERM')
      await ended
      await rm(dataDir, { recursive: true, force: true })
    },
  }
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

async function etcdEndpoint(url: string): Promise<string> {
  const version: unknown = await (await fetch(`${url}/version`)).json()
  const endpoint = /https?:\/\/[^"]+/.exec(JSON.stringify(version))?.[0]
  if (endpoint === undefined) throw new Error(`${url}/version names no etcd endpoint.`)
  return endpoint
}
