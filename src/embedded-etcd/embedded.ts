import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { findEtcd, formatVersion, type EtcdBinary } from './binary.ts'
import { claimDirectory, type DirectoryClaim } from './claim.ts'
import type { ProcessEnvironment } from './environment.ts'
import { EtcdStartFailure } from './failure.ts'
import { askHealth, launchEtcd, waitUntilHealthy, type Launch } from './launch.ts'
import { boundLog, logTail, sizeOf } from './log-file.ts'
import {
  endpointOf,
  etcdArguments,
  identifyingArguments,
  newMemberName,
  recallMember,
  rememberMember,
  type EtcdMember,
} from './member.ts'
import { freePorts, isFree } from './ports.ts'
import { endProcess, findProcess, hasCommandLine } from './processes.ts'
import {
  stopGraceMs,
  Supervisor,
  type EmbeddedEtcd,
  type EmbeddedEtcdLogger,
  type RunningMember,
} from './supervisor.ts'

/** Options of an embedded etcd. */
export interface EmbeddedEtcdOptions {
  /** Holds etcd's data in `etcd/`, its log in `etcd.log`, its name and ports, and the claims of the directory. */
  readonly dataDir: string
  /** Where a fetched etcd binary is kept; several servers may share it. */
  readonly cacheDir: string
  /** The etcd binary to use; undefined looks for one. */
  readonly binary?: string | undefined
  readonly environment: ProcessEnvironment
  /** Prints one line about what takes time before etcd can start. */
  readonly announce: (line: string) => void
  readonly logger: EmbeddedEtcdLogger
  /** How long etcd may take to start: reading 8 GiB takes a while. */
  readonly readyTimeoutMs?: number
}

/**
 * Starts an etcd on a data directory, or takes over the etcd of a server that was killed there. Resolves when it is ready; it is restarted
 * whenever it ends by itself. Throws {@link EtcdStartFailure} if no etcd can be found, if it does not start, or if the data directory
 * cannot be used or belongs to another server.
 */
export async function startEmbeddedEtcd(options: EmbeddedEtcdOptions): Promise<EmbeddedEtcd> {
  try {
    return await startOn(options)
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw new EtcdStartFailure(
      `The data directory ${options.dataDir} cannot be used (${cause.message}). Set IPPOOLD_DATA_DIR to one that ippoold may write to.`,
      { cause },
    )
  }
}

async function startOn(options: EmbeddedEtcdOptions): Promise<EmbeddedEtcd> {
  await mkdir(join(options.dataDir, 'etcd'), { recursive: true, mode: 0o700 })
  const dataDir = await realpath(options.dataDir)
  const claim = await claimFor(dataDir)
  try {
    const binary = await findEtcd(options)
    warnOfFaults(binary, options.logger)
    const running = (await adopt(dataDir, binary, options)) ?? (await start(dataDir, binary, options))
    return new Supervisor(running, claim, options.logger)
  } catch (error) {
    await claim.release()
    throw error
  }
}

async function claimFor(dataDir: string): Promise<DirectoryClaim> {
  const outcome = await claimDirectory(dataDir)
  if (outcome.ok) return outcome.claim
  const member = await recallMember(dataDir)
  const endpoint = member === undefined ? '<the URL of its etcd>' : endpointOf(member)
  throw new EtcdStartFailure(
    [
      `The data directory ${dataDir} is in use by another ippoold, process ${outcome.ownerPid}.`,
      `Set IPPOOLD_DATA_DIR to another directory, or let both servers share one etcd: ETCD_ENDPOINTS=${endpoint}`,
    ].join('\n'),
  )
}

/** etcd 3.5.0 to 3.5.2 can lose data in a crash, and 3.5.5 crashes in a defragmentation (docs/etcd.md section 1). */
function warnOfFaults({ path, version }: EtcdBinary, logger: EmbeddedEtcdLogger): void {
  if (version.major !== 3 || version.minor !== 5 || version.patch >= 6) return
  logger.warn({ path, version: formatVersion(version) }, 'this version of etcd can lose data; use 3.5.6 or newer')
}

/**
 * Looks for an etcd that still runs on the data directory after its server was killed; its command line identifies it. If it is healthy and
 * has the arguments that we would use, it is taken over. Otherwise it is stopped, and the result is undefined.
 */
async function adopt(
  dataDir: string,
  binary: EtcdBinary,
  options: EmbeddedEtcdOptions,
): Promise<RunningMember | undefined> {
  const member = await recallMember(dataDir)
  if (member === undefined) return undefined
  const orphan = findProcess(identifyingArguments(member))
  if (orphan === undefined) return undefined
  const launch = launchOf(dataDir, member, binary, options)
  const hasOurArguments = hasCommandLine(orphan, [binary.path, ...launch.args])
  if (hasOurArguments && (await askHealth(endpointOf(member))).isHealthy) {
    options.logger.info({ etcdPid: orphan.pid }, 'took over the etcd of a server that was killed')
    return { member, process: orphan, launch }
  }
  options.logger.info({ etcdPid: orphan.pid }, 'stopping the etcd of a server that was killed')
  await endProcess(orphan, stopGraceMs)
  return undefined
}

/** Starts etcd on the ports of the last start, or on others if those are taken. */
async function start(dataDir: string, binary: EtcdBinary, options: EmbeddedEtcdOptions): Promise<RunningMember> {
  const attempts = 3
  for (let attempt = 1; ; attempt += 1) {
    const member = await chooseMember(dataDir)
    await rememberMember(dataDir, member)
    const launch = launchOf(dataDir, member, binary, options)
    await boundLog(launch.logFile)
    const logStart = await sizeOf(launch.logFile)
    const process = await launchEtcd(launch)
    const problem = await waitUntilHealthy(endpointOf(member), process, options.readyTimeoutMs ?? 60_000)
    if (problem === undefined) return { member, process, launch }
    await endProcess(process, stopGraceMs)
    const tail = await logTail(launch.logFile, logStart)
    // Another program took one of the ports after the check.
    if (attempt < attempts && tail.some((line) => line.includes('address already in use'))) continue
    const lines = [
      `etcd did not start: ${problem}.`,
      `The last lines of ${launch.logFile}:`,
      ...tail.map((line) => `  ${line}`),
    ]
    throw new EtcdStartFailure(lines.join('\n'))
  }
}

async function chooseMember(dataDir: string): Promise<EtcdMember> {
  const known = await recallMember(dataDir)
  if (known !== undefined && (await isFree(known.clientPort)) && (await isFree(known.peerPort))) return known
  const [clientPort = 0, peerPort = 0] = await freePorts(2)
  return { name: known?.name ?? newMemberName(), dataDir: join(dataDir, 'etcd'), clientPort, peerPort }
}

function launchOf(dataDir: string, member: EtcdMember, binary: EtcdBinary, options: EmbeddedEtcdOptions): Launch {
  return {
    binary,
    args: etcdArguments(member, binary.version),
    cwd: dataDir,
    logFile: join(dataDir, 'etcd.log'),
    environment: options.environment,
  }
}
