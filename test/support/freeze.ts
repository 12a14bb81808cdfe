import { readdir, readFile } from 'node:fs/promises'
import { until } from './until.ts'

/**
 * Freezes a process, and resolves once none of its threads runs any more. A signal takes effect only when one of the threads gets
 * a turn, which on a busy machine is long enough for the process to answer once more.
 */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  if (process.platform !== 'linux') return
  await until('the process to stop', async () => {
    const states = await Promise.all((await readdir(`/proc/${pid}/task`)).map((thread) => stateOf(pid, thread)))
    return states.every((state) => state === 'T') || undefined
  })
}

/** Lets a frozen process go on. */
export function thaw(pid: number): void {
  process.kill(pid, 'SIGCONT')
}

/** The state letter of a thread: `T` once it has stopped (proc_pid_stat(5)). It follows the name, which may hold anything, in parentheses. */
async function stateOf(pid: number, thread: string): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2)[0]
}
