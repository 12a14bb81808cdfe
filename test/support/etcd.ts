import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultCacheDir } from '../../src/config.ts'
import { findEtcd, startEmbeddedEtcd, type EtcdBinary } from '../../src/embedded-etcd/index.ts'
import { launchEtcd, waitUntilHealthy } from '../../src/embedded-etcd/launch.ts'
import { endpointOf, etcdArguments, type EtcdMember, newMemberName } from '../../src/embedded-etcd/member.ts'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { endProcess } from '../../src/embedded-etcd/processes.ts'
import { freeze, thaw } from './freeze.ts'
import type { Scope } from './scope.ts'

/** An etcd for a test. It ends with the test, and its data is deleted. */
export interface TestEtcd {
  readonly endpoint: string
  pid(): number
  stop(): Promise<void>
}

/** An etcd with no data, for this test alone, run as the server runs its own. */
export async function startEtcd(t: Scope): Promise<TestEtcd> {
  const dataDir = await temporaryFolder(t)
  const logger = { info: () => undefined, warn: complain, error: complain }
  const etcd = await startEmbeddedEtcd({ dataDir, ...whereEtcdIs(), logger })
  t.teardown(() => etcd.stop())
  return etcd
}

/** One of the etcds of a cluster; a test may stop and start it. */
export interface TestMember {
  readonly endpoint: string
  /** The folder of its data, which may be replaced while it does not run. */
  readonly dataDir: string
  pid(): number
  /** Freezes it. Resolves once it does nothing any more. */
  freeze(): Promise<void>
  /** Lets it go on. */
  thaw(): void
  /** Kills it; its data stay. */
  kill(): Promise<void>
  /** Starts it again after a kill, at its old ports. Resolves when the process runs, which is before it serves. */
  start(): Promise<void>
}

/** Several etcds that form a cluster. */
export interface TestCluster {
  readonly endpoints: readonly string[]
  readonly members: readonly TestMember[]
}

/** A cluster of `size` etcds with no data, for this test alone. `flags` are added to the command line of each. */
export async function startEtcdCluster(t: Scope, size: number, flags: readonly string[] = []): Promise<TestCluster> {
  const folder = await temporaryFolder(t)
  const where = whereEtcdIs()
  const binary = await findEtcd(where)
  const ports = await freePorts(size * 2)
  const members = Array.from({ length: size }, (_, index) => ({
    name: newMemberName(),
    dataDir: join(folder, `member-${index}`),
    clientPort: ports[index * 2] ?? 0,
    peerPort: ports[index * 2 + 1] ?? 0,
  }))
  // Of a flag that is given twice, etcd takes the last. Elections take as long as etcd's documentation advises among several members.
  const together = [
    `--initial-cluster=${members.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`).join(',')}`,
    `--initial-cluster-token=${newMemberName()}`,
    '--heartbeat-interval=100',
    '--election-timeout=1000',
    ...flags,
  ]
  const running = members.map((member) => {
    const args = [...etcdArguments(member, binary.version), ...together]
    return startMember(t, binary, member, args, folder)
  })
  const started = await Promise.all(running)
  return { endpoints: started.map(({ endpoint }) => endpoint), members: started }
}

async function startMember(
  t: Scope,
  binary: EtcdBinary,
  { dataDir, ...member }: EtcdMember,
  args: readonly string[],
  folder: string,
): Promise<TestMember> {
  const endpoint = endpointOf({ dataDir, ...member })
  const launch = { binary, args, cwd: folder, logFile: join(folder, 'etcd.log'), environment: process.env }
  let running = await launchEtcd(launch)
  t.teardown(() => endProcess(running, 0))
  const problem = await waitUntilHealthy(endpoint, running, 30_000)
  if (problem !== undefined) throw new Error(`A member of the cluster does not start: ${problem}.`)
  return {
    endpoint,
    dataDir,
    pid: () => running.pid,
    freeze: () => freeze(running.pid),
    thaw: () => {
      thaw(running.pid)
    },
    kill: () => endProcess(running, 0),
    start: async () => {
      running = await launchEtcd(launch)
    },
  }
}

/** A folder that is removed after the test. */
export async function temporaryFolder(t: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ippoold-test-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Tests find etcd as the server does, and share its cache. */
export function whereEtcdIs() {
  const environment = process.env
  return {
    binary: environment['IPPOOLD_ETCD_BINARY'],
    cacheDir: environment['IPPOOLD_CACHE_DIR'] ?? defaultCacheDir(environment),
    environment,
    announce: (line: string) => {
      console.error(line)
    },
  }
}

function complain(details: object, message: string): void {
  console.error(message, details)
}
