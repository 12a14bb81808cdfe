import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { request } from 'undici'
import { fetchDebianProgram } from '../../src/embedded-etcd/debian-package.ts'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { temporaryFolder, whereEtcdIs } from './etcd.ts'
import { until } from './until.ts'

/** A program, or the reason why there is none. */
export type Found = { readonly path: string } | { readonly missing: string }

/** The option `skip` of a test that needs the programs: the reason why one is missing. */
export function skipWithout(...programs: readonly Found[]): string | false {
  return programs.flatMap((found) => ('missing' in found ? found.missing : []))[0] ?? false
}

/** The path of a program that was found. */
export function pathOf(found: Found): string {
  if ('missing' in found) throw new Error(found.missing)
  return found.path
}

const run = promisify(execFile)

/** Finds a program on the PATH, else Debian's, which is fetched once into the cache of the tests without installing it. */
export async function findProgram(
  program: string,
  packageName: string,
  versionArguments: readonly string[],
): Promise<Found> {
  const isRunnable = async (path: string): Promise<boolean> => {
    try {
      await run(path, [...versionArguments], { timeout: 30_000 })
      return true
    } catch {
      return false
    }
  }
  if (await isRunnable(program)) return { path: program }
  const { cacheDir, environment, announce } = whereEtcdIs()
  const target = join(cacheDir, `${program}-${process.platform}-${process.arch}`)
  const isCached = await access(target, constants.X_OK).then(
    () => true,
    () => false,
  )
  if (isCached && (await isRunnable(target))) return { path: target }
  announce(`Fetching Debian's package ${packageName} into ${cacheDir}, once, without installing it.`)
  try {
    await fetchDebianProgram({ from: packageName, program }, target, environment, async (path) => {
      if (!(await isRunnable(path))) throw new Error(`Debian's ${program} cannot be run`)
    })
    return { path: target }
  } catch (error) {
    return {
      missing: `there is no ${program}, and none could be fetched: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}

/** Prometheus' tool for rules and metrics. */
export function findPromtool(): Promise<Found> {
  return findProgram('promtool', 'prometheus', ['--version'])
}

/** A Prometheus that belongs to a test. */
export interface TestPrometheus {
  /** The answer of its API to a query of the form `/query?query=up`: the member `data`. */
  ask(path: string): Promise<unknown>
}

/** Starts a Prometheus with this configuration (YAML) in a folder of its own, where `files` are too. Resolves once it is ready. */
export async function startPrometheus(
  t: Test,
  binary: string,
  configuration: string,
  files: Readonly<Record<string, string>> = {},
): Promise<TestPrometheus> {
  const folder = await temporaryFolder(t)
  for (const [name, text] of Object.entries({ ...files, 'prometheus.yaml': configuration })) {
    await writeFile(join(folder, name), text)
  }
  const [port = 0] = await freePorts(1)
  const flags = ['--config.file=prometheus.yaml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`]
  const child = spawn(binary, flags, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let printed = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = `http://127.0.0.1:${port}`
  await until('Prometheus', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus has ended:\n${printed}`)
    const answer = await request(`${url}/-/ready`).catch(() => undefined)
    await answer?.body.dump()
    return answer?.statusCode === 200 || undefined
  })
  return {
    ask: async (path) => {
      const { body } = await request(`${url}/api/v1${path}`)
      const answer = (await body.json()) as { readonly status: string; readonly data: unknown; readonly error?: string }
      if (answer.status !== 'success') throw new Error(`${path}: ${String(answer.error)}`)
      return answer.data
    },
  }
}
