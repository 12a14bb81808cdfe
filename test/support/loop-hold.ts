import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** What a server used since it was asked last. */
export interface LoopHold {
  /** The most CPU, in milliseconds, that one turn of the event loop used. */
  readonly longestMs: number
  /** The CPU of the whole process, in milliseconds. */
  readonly cpuMs: number
}

/** Measures how long a server holds its event loop. `folder` is for the probe alone. */
export class LoopHoldMeter {
  readonly #file: string

  constructor(folder: string) {
    this.#file = join(folder, 'loop-hold.json')
  }

  /** What the server must have in its environment. */
  get environment(): Readonly<Record<string, string>> {
    const probe = fileURLToPath(new URL('loop-hold-probe.ts', import.meta.url))
    return { NODE_OPTIONS: `--import=${probe}`, LOOP_HOLD_FILE: this.#file }
  }

  /** Returns what the server with this process id used since the last call. */
  async take(pid: number): Promise<LoopHold> {
    await rm(this.#file, { force: true })
    process.kill(pid, 'SIGWINCH')
    for (;;) {
      const text = await readFile(this.#file, 'utf8').catch(() => undefined)
      if (text !== undefined) return read(JSON.parse(text))
      await pause(5)
    }
  }
}

function read(value: unknown): LoopHold {
  const { longestMs, cpuMs } = Object(value) as { longestMs?: unknown; cpuMs?: unknown }
  return { longestMs: Number(longestMs), cpuMs: Number(cpuMs) }
}
