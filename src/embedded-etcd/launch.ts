import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdBinary } from './binary.ts'
import { childEnvironment, type ProcessEnvironment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'
import { identify, isRunning, type ProcessIdentity } from './processes.ts'

/** How to start an etcd process. */
export interface Launch {
  readonly binary: EtcdBinary
  readonly args: readonly string[]
  /** Working directory. */
  readonly cwd: string
  /** etcd appends its log to this file. */
  readonly logFile: string
  readonly environment: ProcessEnvironment
}

/**
 * Starts etcd and returns while it is still starting. etcd leads its own session, so that Ctrl-C in the server's terminal does not reach
 * it: it must outlive the requests in flight. Throws {@link EtcdStartFailure} if the system cannot run it.
 */
export async function launchEtcd(launch: Launch): Promise<ProcessIdentity> {
  const log = openSync(launch.logFile, 'a', 0o600)
  try {
    const child = spawn(launch.binary.path, launch.args, {
      cwd: launch.cwd,
      env: childEnvironment(launch.environment),
      stdio: ['ignore', log, log],
      detached: true,
    })
    await once(child, 'spawn')
    child.unref()
    const pid = child.pid ?? 0
    // Without an identity it has ended already; `start` matches no running process.
    return identify(pid) ?? { pid, start: 'ended' }
  } catch (cause) {
    throw new EtcdStartFailure(`${launch.binary.path} cannot be started: ${String(cause)}`, { cause })
  } finally {
    closeSync(log)
  }
}

/** Asks etcd for its health. `answer` is its response, or the error. */
export async function askHealth(endpoint: string): Promise<{ readonly isHealthy: boolean; readonly answer: string }> {
  try {
    const response = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(2_000) })
    const answer = await response.text()
    // 3.4 has the string "true".
    return { isHealthy: response.ok && /"health"\s*:\s*"?true"?/.test(answer), answer: answer.trim() }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { isHealthy: false, answer: cause instanceof Error ? cause.message : String(cause) }
  }
}

/** Waits until etcd is healthy. The result is undefined then; otherwise a phrase that says why it is not. */
export async function waitUntilHealthy(
  endpoint: string,
  process: ProcessIdentity,
  timeoutMs: number,
): Promise<string | undefined> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const isAlive = isRunning(process)
    const { isHealthy, answer } = await askHealth(endpoint)
    if (!isAlive) return 'it ended at once'
    if (isHealthy) return undefined
    if (Date.now() >= deadline) return `it did not become healthy within ${timeoutMs / 1_000} s (${answer})`
    await sleep(20)
  }
}
