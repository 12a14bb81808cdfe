import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, closeSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findEtcd } from '../../src/embedded-etcd/index.ts'
import { launchEtcd, waitUntilHealthy } from '../../src/embedded-etcd/launch.ts'
import { etcdArguments } from '../../src/embedded-etcd/member.ts'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { endProcess, isRunning, type ProcessIdentity, sendSignal } from '../../src/embedded-etcd/processes.ts'
import { whereEtcdIs } from '../support/etcd.ts'
import { ownEnvironment } from '../support/server.ts'
import { until } from '../support/until.ts'
import { Link, type Weather } from './link.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const clockShift = new URL('clock-shift.js', import.meta.url).href

/** One etcd of the cluster; `endpoint` leads to it past all proxies. */
export interface Member {
  readonly index: number
  readonly endpoint: string
  readonly peers: Link
  /** Its id, in hexadecimal, as it gives it to other members. */
  id: string
  process: ProcessIdentity
  start(): Promise<void>
}

/** One ippoold, and its proxies to the members. */
export interface Server {
  readonly index: number
  readonly url: string
  readonly links: readonly Link[]
  readonly clockFile: string
  process: ChildProcess
  start(): void
}

/** Three etcds and some servers, each a process; all traffic among them goes through links. */
export class Cluster {
  readonly members: Member[] = []
  readonly servers: Server[] = []
  readonly #folder: string
  readonly #patienceMs: number
  /** Weather by the name of a link, and of a caller where it is not for all. */
  readonly #weather = new Map<string, Weather>()

  private constructor(folder: string, patienceMs: number) {
    this.#folder = folder
    this.#patienceMs = patienceMs
  }

  /** `patienceMs` is how long members and servers may take until they serve, at first and after a fault. */
  static async start(servers: number, patienceMs: number): Promise<Cluster> {
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), 'ippoold-faults-')), patienceMs)
    try {
      await cluster.#startMembers()
      await cluster.#startServers(servers)
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** Sets the weather between two: `server 0` or a member's id, and `member 1`. */
  setWeather(from: string, to: string, weather: Weather): void {
    this.#weather.set(`${from} ${to}`, weather)
    for (const link of this.links) link.refresh()
  }

  /** Sets the weather between a member and all other members. The servers still reach it. */
  setWeatherAround(lonely: Member, weather: Weather): void {
    for (const other of this.members) {
      if (other === lonely) continue
      this.setWeather(other.id, `member ${lonely.index}`, weather)
      this.setWeather(lonely.id, `member ${other.index}`, weather)
    }
  }

  get links(): readonly Link[] {
    return [...this.members.map(({ peers }) => peers), ...this.servers.flatMap(({ links }) => links)]
  }

  /** Waits until every member is healthy and every server ready. */
  async settle(): Promise<void> {
    for (const { endpoint, process } of this.members) {
      const problem = await waitUntilHealthy(endpoint, process, this.#patienceMs)
      if (problem !== undefined) throw new Error(`A member of etcd does not recover: ${problem}.`)
    }
    for (const { url, index } of this.servers) {
      let problem: string | undefined
      const look = async (): Promise<true | undefined> => {
        problem = await problemOf(url)
        return problem === undefined ? true : undefined
      }
      await until(`server ${index} is ready`, look, this.#patienceMs).catch((cause: unknown) => {
        throw new Error(`Server ${index} does not recover: ${problem}`, { cause })
      })
    }
  }

  /** The member that leads at the moment. */
  async leader(): Promise<Member> {
    return until('a leader', async () => {
      for (const member of this.members) {
        const status = await ask(member.endpoint, '/v3/maintenance/status', {}).catch(() => undefined)
        const id = status?.['leader']
        // A member that knows no leader leaves the field out.
        if (typeof id !== 'string') continue
        const leader = this.members.find((candidate) => candidate.id === BigInt(id).toString(16))
        if (leader !== undefined) return leader
      }
      return undefined
    })
  }

  async stop(): Promise<void> {
    for (const { process } of this.servers) process.kill('SIGKILL')
    for (const { process } of this.members) {
      sendSignal(process, 'SIGKILL')
      await endProcess(process, 0)
    }
    for (const link of this.links) link.close()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  async #startMembers(): Promise<void> {
    const binary = await findEtcd(whereEtcdIs())
    const ports = await freePorts(9)
    const portOf = (index: number, which: number): number => ports[index * 3 + which] ?? 0
    const all = [0, 1, 2].map((index) => `m${index}=http://127.0.0.1:${portOf(index, 2)}`).join(',')
    for (const index of [0, 1, 2]) {
      const [clientPort, peerPort, peerProxy] = [portOf(index, 0), portOf(index, 1), portOf(index, 2)]
      const own = { name: `m${index}`, dataDir: join(this.#folder, `m${index}`), clientPort, peerPort }
      // Of a flag that is given twice, etcd takes the last. No compaction but that of the faults.
      const args = [
        ...etcdArguments(own, binary.version),
        `--initial-advertise-peer-urls=http://127.0.0.1:${peerProxy}`,
        `--initial-cluster=${all}`,
        '--heartbeat-interval=100',
        '--election-timeout=1000',
        '--auto-compaction-retention=0',
        '--snapshot-count=500',
      ]
      const launch = {
        binary,
        args,
        cwd: this.#folder,
        logFile: join(this.#folder, `m${index}.log`),
        environment: process.env,
      }
      const peers = await Link.open(peerProxy, peerPort, (caller) =>
        this.#weatherBetween(caller ?? '', `member ${index}`),
      )
      const member: Member = {
        index,
        endpoint: `http://127.0.0.1:${clientPort}`,
        peers,
        id: '',
        process: await launchEtcd(launch),
        start: async () => {
          member.process = await launchEtcd(launch)
        },
      }
      this.members.push(member)
    }
    await this.settle()
    for (const member of this.members) {
      const { header } = (await ask(member.endpoint, '/v3/maintenance/status', {})) as { header: { member_id: string } }
      member.id = BigInt(header.member_id).toString(16)
    }
  }

  async #startServers(count: number): Promise<void> {
    const ports = await freePorts(count * 4)
    for (let index = 0; index < count; index++) {
      const [port = 0, ...proxies] = ports.slice(index * 4, index * 4 + 4)
      const links = await Promise.all(
        this.members.map(({ endpoint }, to) => {
          const target = Number(new URL(endpoint).port)
          return Link.open(proxies[to] ?? 0, target, () => this.#weatherBetween(`server ${index}`, `member ${to}`))
        }),
      )
      const clockFile = join(this.#folder, `clock-${index}`)
      writeFileSync(clockFile, '0')
      const start = (): ChildProcess => {
        const log = openSync(join(this.#folder, `server-${index}.log`), 'a')
        const child = spawn(process.execPath, ['--import', clockShift, join(root, 'bin', 'ippoold.js')], {
          cwd: root,
          env: {
            ...ownEnvironment(),
            IPPOOLD_PORT: String(port),
            IPPOOLD_REQUEST_TIMEOUT_MS: '1500',
            IPPOOLD_LOG_LEVEL: 'warn',
            ETCD_ENDPOINTS: links.map((link) => `http://127.0.0.1:${link.port}`).join(','),
            FAULTS_CLOCK_FILE: clockFile,
          },
          stdio: ['ignore', log, log],
        })
        closeSync(log)
        return child
      }
      const server: Server = {
        index,
        url: `http://127.0.0.1:${port}`,
        links,
        clockFile,
        process: start(),
        start: () => {
          server.process = start()
        },
      }
      this.servers.push(server)
    }
    await this.settle()
  }

  #weatherBetween(from: string, to: string): Weather {
    return this.#weather.get(`${from} ${to}`) ?? this.#weather.get(`* ${to}`) ?? {}
  }
}

/** Calls the JSON gateway of a member of etcd; throws when it does not answer in 10 s. */
export async function ask(endpoint: string, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${endpoint}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${text}`)

  return JSON.parse(text) as Record<string, unknown>
}

/** True if the process of a member runs. */
export function runs(member: Member): boolean {
  return isRunning(member.process)
}

/** The reason for which a server is not ready; undefined if it is. */
async function problemOf(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })
    const text = await response.text()
    return response.ok ? undefined : text
  } catch (error) {
    return String(error)
  }
}
