import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** One run of one process. The system reuses process ids; with the start it is unique. */
export interface ProcessIdentity {
  readonly pid: number
  /** When the process started, in a form that depends on the system; it includes the boot. */
  readonly start: string
}

const hasProc = process.platform === 'linux'

/** Returns the identity of the process that has this id now; undefined if there is none, or if it is a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  const start = hasProc ? startFromProc(pid) : startFromPs(pid)
  return start === undefined ? undefined : { pid, start }
}

/** True if the process is running. */
export function isRunning(process: ProcessIdentity): boolean {
  return identify(process.pid)?.start === process.start
}

/** Sends a signal to the process; does nothing if it has ended. */
export function sendSignal(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(target)) return
  try {
    process.kill(target.pid, signal)
  } catch (error) {
    // It may end after the check.
    if (!isSystemError(error, 'ESRCH')) throw error
  }
}

/** Waits for the end of a process. False if it is still running after `timeoutMs`. */
export async function hasEnded(process: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (isRunning(process)) {
    if (Date.now() >= deadline) return false
    await sleep(10)
  }
  return true
}

/** Ends a process: sends SIGTERM, and SIGKILL if it is still running after `graceMs`. */
export async function endProcess(process: ProcessIdentity, graceMs: number): Promise<void> {
  sendSignal(process, 'SIGTERM')
  if (await hasEnded(process, graceMs)) return
  sendSignal(process, 'SIGKILL')
  await hasEnded(process, graceMs)
}

/** Finds a process whose command line has all these arguments; undefined if none is running. */
export function findProcess(args: readonly string[]): ProcessIdentity | undefined {
  for (const { pid, commandLine } of listProcesses()) {
    const given = ` ${commandLine} `
    if (args.every((argument) => given.includes(` ${argument} `))) return identify(pid)
  }
  return undefined
}

/** True if the process was started with exactly this program and these arguments. */
export function hasCommandLine({ pid }: ProcessIdentity, command: readonly string[]): boolean {
  return listProcesses().some((listed) => listed.pid === pid && listed.commandLine === command.join(' '))
}

function listProcesses(): ListedProcess[] {
  return hasProc ? listFromProc() : listFromPs()
}

interface ListedProcess {
  readonly pid: number
  /** The arguments, separated by blanks. */
  readonly commandLine: string
}

function listFromProc(): ListedProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    const commandLine = readText(`/proc/${pid}/cmdline`)
    return commandLine === undefined
      ? []
      : [{ pid: Number(pid), commandLine: commandLine.replaceAll('\0', ' ').trim() }]
  })
}

function listFromPs(): ListedProcess[] {
  const lines = ps(['-axww', '-o', 'pid=,command=']).split('\n')
  return lines.flatMap((line) => {
    const [, pid, commandLine] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
    return pid === undefined || commandLine === undefined ? [] : [{ pid: Number(pid), commandLine: commandLine.trim() }]
  })
}

/** See proc(5): the name in field 2 may contain anything, so parse after the last parenthesis. Field 3 is the state, 22 the start. */
function startFromProc(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startTicks = fields[19]
  if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined
  // Ticks count from the boot, so they may repeat after the next one.
  return `${readText('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}/${startTicks}`
}

function startFromPs(pid: number): string | undefined {
  const [, state, start] = /^\s*(\S+)\s+(.*)$/.exec(ps(['-o', 'stat=,lstart=', '-p', String(pid)]).trim()) ?? []
  return state === undefined || start === undefined || state.startsWith('Z') ? undefined : start
}

/** Returns the output of `ps`; empty if it finds nothing, which it reports with exit code 1. */
function ps(args: readonly string[]): string {
  try {
    return execFileSync('ps', args, {
      encoding: 'utf8',
      env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 1) return ''
    throw error
  }
}

/** Reads a file of a process; undefined if the process has ended, which may happen at any moment. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined
    throw error
  }
}

/** True if an error is a system error with one of these codes. */
export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
}
