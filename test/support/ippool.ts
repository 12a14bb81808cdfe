import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { temporaryFolder } from './etcd.ts'

const program = fileURLToPath(new URL('../../bin/ippool.js', import.meta.url))

/** How a script ended, and what it printed. */
export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A shell in which the command line `ippool` is installed, with a home of its own. */
export interface IppoolShell {
  readonly home: string
  /** Runs a script of bash to its end. `env` is added to its environment. */
  run(script: string, env?: Readonly<Record<string, string>>): Promise<Run>
}

/** Prepares a shell whose `ippool` calls the server at `url`, unless the script says otherwise. */
export async function ippoolShell(t: Test, url?: string): Promise<IppoolShell> {
  const home = await temporaryFolder(t)
  const programs = join(home, 'bin')
  await mkdir(programs)
  await symlink(program, join(programs, 'ippool'))
  const own = {
    // The command runs on the Node that runs the tests.
    PATH: [programs, dirname(process.execPath), process.env['PATH'] ?? ''].join(':'),
    HOME: home,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    TMPDIR: home,
    ...(url !== undefined && { IPPOOL_SERVER: url }),
  }
  return {
    home,
    run: async (script, env = {}) => {
      const child = spawn('bash', ['-c', script], { cwd: home, env: { ...own, ...env } })
      t.teardown(() => child.kill('SIGKILL'))
      const printed = { stdout: '', stderr: '' }
      for (const stream of ['stdout', 'stderr'] as const) {
        child[stream].setEncoding('utf8').on('data', (text: string) => {
          printed[stream] += text
        })
      }
      child.stdin.end()
      await once(child, 'close')
      return { ...printed, code: child.exitCode }
    },
  }
}
