import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Gatekeeper, openGate, Policies } from './access/index.ts'
import { type AuditTrail, defaultPolicy } from './audit/index.ts'
import { AuditLog, type AuditLogOptions, readAuditPolicyFile } from './audit-log/index.ts'
import { Authentication, newSecret, UnusableFile } from './authentication/index.ts'
import { type Config, hasAuthentication, isLoopback, missingProtections } from './config.ts'
import { type EtcdConnection, openEtcdStore } from './datastore/etcd/index.ts'
import {
  DatastoreNotOpened,
  declare,
  joinProbes,
  logProbe,
  type Probe,
  silentProbe,
  type Store,
  UpcomingStore,
} from './datastore/index.ts'
import { defaultCacheDir, type EmbeddedEtcd, startEmbeddedEtcd } from './embedded-etcd/index.ts'
import { buildServer, HealthListener, Listeners, type TcpAddress, TlsFront } from './http/index.ts'
import {
  accessPolicies,
  accessTokens,
  affinities,
  annexes,
  BlockIndex,
  blocks,
  builtInMarks,
  ChargeIndex,
  charges,
  clusterInformations,
  handles,
  ipamConfigs,
  nodes,
  pools,
  quotas,
  reservations,
  storedAnswers,
  type Now,
  virtualAffinities,
  workloadEndpoints,
} from './model/index.ts'
import { PoolTrends } from './ipam/index.ts'
import { Metrics } from './metrics/index.ts'
import { openPage } from './page.ts'
import { planBuiltInPolicies, resourceKinds } from './resources/index.ts'
import { type Setting, settings } from './settings.ts'
import {
  badSettings,
  endsOf,
  exitCodes,
  type Log,
  messageOf,
  openLog,
  readCredentials,
  RunningParts,
  StartFailure,
  stopOnSignal,
  TlsFiles,
} from './start/index.ts'
import { openTraces } from './traces/index.ts'
import { CheckRounds, Collection, PoolUpkeep, TrendRounds } from './upkeep/index.ts'
import type { Environment } from './variables.ts'

/** The parts of its process that the server uses. */
export interface Surroundings {
  readonly version: string
  readonly environment: Environment
  /** Ends the process at once. */
  readonly exitNow: () => never
}

/**
 * Starts everything, and resolves when it serves. Stops it on a signal and on an uncaught error. Throws if the start fails, after what had
 * started is stopped.
 */
export async function serve(config: Config, surroundings: Surroundings): Promise<void> {
  const log = openLog(config.logLevel)
  const parts = new RunningParts()
  const starting = start(config, surroundings, log, parts)
  const stop = async (): Promise<void> => {
    // A start cannot be interrupted, but it can be undone.
    await starting.catch(() => undefined)
    await parts.stop()
  }
  stopOnSignal(log.logger, stop, surroundings.exitNow, config.drainMs)
  try {
    const { url, socket, data } = await starting
    const places = [url && `${url}, documentation at ${url}/docs`, socket && `the socket ${socket}`]
    say(config, `ippoold serves ${places.filter((place) => place !== undefined).join(', ')}, data in ${data}`)
  } catch (error) {
    await parts.stop()
    throw error
  }
}

interface Served {
  /** The URL of the port, if there is one. */
  readonly url: string | undefined
  /** The path of the Unix socket, if there is one. */
  readonly socket: string | undefined
  /** The place of the data, for the user. */
  readonly data: string
}

/**
 * Listens, starts etcd or connects to one, reads its data, and serves. Adds every running part to `parts`. Listening comes first, so that a
 * port that is taken stops the start before anything is fetched, started or written.
 */
async function start(
  config: Config,
  { version, environment }: Surroundings,
  { logger, serverLog }: Log,
  parts: RunningParts,
): Promise<Served> {
  const traces = await openTraces(environment, { version, logger })
  // Added first, so it comes last: the spans of the last requests are sent too.
  if (traces !== undefined) parts.add(() => traces.close())
  const credentials = await readCredentials(config)
  const store = new UpcomingStore()
  const index = new BlockIndex()
  const chargeIndex = new ChargeIndex()
  const now = strictClock()
  const trends = new PoolTrends()
  const tlsFiles = await TlsFiles.open(config, logger)
  const tls = tlsFiles && followTls(tlsFiles, parts)
  const listeners = new Listeners(tls)
  const missing = missingProtections(config)
  const waived = { tls: missing.includes('tls'), authentication: missing.includes('authentication') }
  const policies = new Policies()
  const authentication = hasAuthentication(config) ? await openAuthentication(config, logger) : undefined
  const metrics = new Metrics({
    store,
    blocks: index,
    now,
    version,
    waived,
    certificateEnds: () => ({ ...tlsFiles?.ends, ...endsOf(credentials) }),
    countAccessTokens: authentication && ((at) => authentication.countAccessTokens(at)),
    hasNodes: config.metricsNodes,
    hasExemplars: traces !== undefined,
  })
  const probe = joinProbes(logProbe(logger), metrics.probe, traces?.probe ?? silentProbe)
  const page = openPage(config, authentication, logger)
  const audit = await openAudit(config, { now, newUid: randomUUID, logger, probe }, parts)
  const server = buildServer({
    store,
    blocks: index,
    charges: chargeIndex,
    trends,
    now,
    newUid: randomUUID,
    version,
    missingProtections: [...missing],
    bodyLimitBytes: config.bodyLimitBytes,
    deadlineMs: config.requestTimeoutMs,
    callsMax: config.queueLimit,
    callers: {
      hosts: {
        listening: config.host,
        machine: isLoopback(config.host) ? undefined : hostname(),
        allowed: config.allowedHosts,
        isCertified: tls && ((host) => tls.isFor(host)),
      },
      allowedOrigins: config.allowedOrigins,
    },
    gatekeeper: authentication === undefined ? openGate : gatekeeperOf(authentication, policies, store),
    newSecret,
    ...(audit !== undefined && { audit }),
    ...(traces !== undefined && { traces }),
    ...(page !== undefined && { page }),
    logger: serverLog,
    probe,
    metrics,
    listeners,
  })
  const { url, socket } = await listen(server, listeners, config)
  await listenForHealth(store, config, logger, parts)
  const embedded = config.etcdEndpoints.length === 0 ? await startEtcd(config, environment, logger, parts) : undefined
  const endpoints = embedded === undefined ? config.etcdEndpoints : [embedded.endpoint]
  const poolUpkeep = new PoolUpkeep(index, now, logger)
  const datastore = await openDatastore(
    { ...credentials, endpoints },
    { index, chargeIndex, poolUpkeep, policies, authentication, metrics },
    config,
    probe,
  )
  parts.add(() => datastore.close())
  if (authentication !== undefined) {
    await makeBuiltInPolicies(datastore, resourceKinds(index), now, logger)
    authentication.start(datastore)
    parts.add(() => authentication.close())
  }
  poolUpkeep.start(datastore)
  parts.add(() => poolUpkeep.stop())
  const { upkeepIntervalSeconds: intervalSeconds, upkeepGraceSeconds: graceSeconds } = config
  const collection = new Collection({
    blocks: index,
    charges: chargeIndex,
    kinds: resourceKinds(index),
    now,
    logger,
    probe,
    intervalSeconds,
    graceSeconds,
  })
  collection.start(datastore)
  parts.add(() => collection.stop())
  const isLeading = (): boolean => collection.isLeading
  const checks = new CheckRounds({
    blocks: index,
    isLeading,
    now,
    logger,
    probe,
    intervalSeconds: config.checkIntervalSeconds,
  })
  checks.start(datastore)
  parts.add(() => checks.stop())
  const trendRounds = new TrendRounds({ blocks: index, trends, now })
  trendRounds.start(datastore)
  parts.add(() => trendRounds.stop())
  store.open(traces?.follow(datastore) ?? datastore)
  void metrics.prepare()
  // The server stops before the store. If the start fails before this, no request is in flight: all were refused at once.
  parts.add(() => server.close())
  // Added last, so it comes first: clients that watch the readiness stop sending, while requests are still answered.
  parts.add(async () => {
    datastore.announceStop(config.drainMs)
    await sleep(config.drainMs)
  })
  for (const protection of missing) logger.warn({ host: config.host }, warningOf[protection])
  const data = embedded === undefined ? datastore.description : resolve(config.dataDir)
  return { url, socket, data }
}

const warningOf: Readonly<Record<ReturnType<typeof missingProtections>[number], string>> = {
  tls: 'there is no TLS (IPPOOLD_INSECURE_HTTP): everybody on the network in between can read and change everything',
  authentication:
    'there is no authentication (IPPOOLD_INSECURE_NO_AUTH): everybody who can reach this address may do everything',
}

/** Serves TLS with the files, also after they have changed. */
function followTls(files: TlsFiles, parts: RunningParts): TlsFront {
  const tls = new TlsFront(files.material)
  files.follow((material) => {
    tls.renew(material)
  })
  parts.add(() => {
    files.stop()
  })
  return tls
}

/** Makes the policies that every server has. If etcd does not take them now, the next start makes them: admins need none. */
async function makeBuiltInPolicies(
  store: Pick<Store, 'submit'>,
  kinds: ReturnType<typeof resourceKinds>,
  now: () => Now,
  logger: Logger,
): Promise<void> {
  try {
    const { answer: names } = await store.submit((view) =>
      planBuiltInPolicies(view, kinds, { now: now(), newUid: randomUUID }),
    )
    if (names.length > 0) logger.info({ names }, 'made the built-in policies')
  } catch (error) {
    logger.warn({ err: error }, 'the built-in policies could not be made')
  }
}

async function openAuthentication(config: Config, logger: Logger): Promise<Authentication> {
  const settings = {
    tokenFile: config.tokenFile,
    configurationFile: config.authConfigFile,
    acceptsAccessTokens: config.accessTokens ?? true,
    acceptsCertificates: config.clientCaFile !== undefined,
    allowsAnonymous: config.anonymous,
  }
  try {
    return await Authentication.open(settings, logger)
  } catch (cause) {
    if (cause instanceof UnusableFile) throw badSettings([cause.message])
    throw cause
  }
}

/** Joins authentication and policies. Without news from etcd, the known policies and tokens may be outdated. */
function gatekeeperOf(
  authentication: Authentication,
  policies: Policies,
  store: Pick<UpcomingStore, 'health'>,
): Gatekeeper {
  return {
    identify: authentication.identify,
    admins: authentication.admins,
    rightsOf: (caller) => policies.rightsOf(caller),
    problem: () => {
      const watch = store.health().checks.find(({ name }) => name === 'watch')
      return watch?.ok === false ? `the watch ${watch.message}` : undefined
    },
  }
}

async function startEtcd(
  config: Config,
  environment: Environment,
  logger: Logger,
  parts: RunningParts,
): Promise<EmbeddedEtcd> {
  const etcd = await startEmbeddedEtcd({
    dataDir: resolve(config.dataDir),
    cacheDir: resolve(config.cacheDir ?? defaultCacheDir(environment)),
    binary: config.etcdBinary === undefined ? undefined : resolve(config.etcdBinary),
    environment,
    announce: (line) => say(config, line),
    logger,
  })
  parts.add(() => etcd.stop())
  logger.info({ endpoint: etcd.endpoint, etcdPid: etcd.pid() }, 'etcd is running')
  return etcd
}

/** The parts that are kept beside the store, and follow its changes. */
interface Observers {
  readonly index: BlockIndex
  readonly chargeIndex: ChargeIndex
  readonly poolUpkeep: PoolUpkeep
  readonly policies: Policies
  readonly authentication: Authentication | undefined
  readonly metrics: Metrics
}

async function openDatastore(
  connection: EtcdConnection,
  { index, chargeIndex, poolUpkeep, policies, authentication, metrics }: Observers,
  config: Config,
  probe: Probe,
): Promise<Store> {
  try {
    return await openEtcdStore({
      connection,
      declarations: [
        declare(blocks, {
          changed: (key, lookup) => {
            index.changed(key, lookup)
            poolUpkeep.blockChanged(key)
            metrics.blockChanged(key)
          },
          changedText: (key, text) => {
            const isTold = index.changedText(key, text)
            if (!isTold) return false
            poolUpkeep.blockChanged(key)
            metrics.blockChanged(key)
            return true
          },
        }),
        declare(affinities),
        declare(virtualAffinities),
        declare(handles),
        declare(ipamConfigs),
        declare(pools, poolUpkeep.pools),
        declare(reservations),
        declare(nodes),
        declare(annexes),
        declare(workloadEndpoints),
        declare(clusterInformations),
        declare(storedAnswers),
        declare(quotas),
        declare(charges, chargeIndex),
        declare(accessPolicies, policies.observer),
        declare(builtInMarks),
        declare(accessTokens, authentication?.accessTokens),
      ],
      limits: {
        batchOperationsMax: config.batchOperationsMax,
        batchesInFlight: config.batchesInFlight,
        queueLengthMax: config.queueLimit,
        deadlineMs: config.requestTimeoutMs,
        expirySeconds: config.answerRetentionSeconds,
      },
      probe,
    })
  } catch (cause) {
    if (cause instanceof DatastoreNotOpened) throw new StartFailure(cause.message, exitCodes.failure, { cause })
    throw cause
  }
}

/** Opens the audit log, if one is configured. Throws a `StartFailure` if its policy or the log cannot be used. */
async function openAudit(
  config: Config,
  parts: Pick<AuditLogOptions, 'now' | 'newUid' | 'logger' | 'probe'>,
  running: RunningParts,
): Promise<AuditTrail | undefined> {
  const { auditLog: path, auditPolicyFile } = config
  if (path === undefined) return undefined
  const reading = auditPolicyFile === undefined ? undefined : await readAuditPolicyFile(auditPolicyFile)
  if (reading?.ok === false) {
    const { variable } = settings.auditPolicyFile
    throw badSettings(reading.problems.map((problem) => `${variable}: ${auditPolicyFile}: ${problem}`))
  }
  try {
    const log = await AuditLog.open({
      ...parts,
      path,
      whenFull: config.auditWhenFull,
      patienceMs: config.requestTimeoutMs,
      sizeMaxBytes: config.auditLogMaxSize * 1024 * 1024,
      backupsMax: config.auditLogMaxBackups,
      ageMaxDays: config.auditLogMaxAge,
    })
    running.add(() => log.close())
    // Beyond a limit on file sizes, writing fails; without this, the signal that comes with it would end the process.
    process.on('SIGXFSZ', () => undefined)
    return { policy: reading?.policy ?? defaultPolicy, sink: log }
  } catch (error) {
    throw badSettings([`${settings.auditLog.variable}: ${path} cannot be written (${messageOf(error)})`])
  }
}

/** Listens on the port and on the Unix socket, as far as the settings name them. */
async function listen(
  server: ReturnType<typeof buildServer>,
  listeners: Listeners,
  { host, port, socket: path, socketMode: mode, listenBacklog: backlog }: Config,
): Promise<Pick<Served, 'url' | 'socket'>> {
  const url = port === undefined ? undefined : await listenOnPort(server, listeners, { host, port, backlog })
  if (path === undefined) return { url, socket: undefined }
  const socket = resolve(path)
  try {
    await listeners.openUnix(server, { path: socket, mode, backlog })
  } catch (cause) {
    const message = `Cannot serve on the socket ${socket}: ${messageOf(cause)}. Set ${settings.socket.variable} to another file.`
    throw new StartFailure(message, exitCodes.failure, { cause })
  }
  return { url, socket }
}

async function listenOnPort(
  server: ReturnType<typeof buildServer>,
  listeners: Listeners,
  address: TcpAddress,
): Promise<string> {
  try {
    return await listeners.open(server, address)
  } catch (cause) {
    throw notListening(cause, address.host, address.port, settings.port)
  }
}

/** Answers questions about the health of the server on a port of their own, if one is configured. */
async function listenForHealth(
  store: Pick<Store, 'health'>,
  { host, healthPort }: Config,
  logger: Logger,
  parts: RunningParts,
): Promise<void> {
  if (healthPort === undefined) return
  try {
    const listener = await HealthListener.open(host, healthPort, store)
    parts.add(() => listener.close())
    logger.info({ host, port: listener.port }, 'serving health')
  } catch (cause) {
    throw notListening(cause, host, healthPort, settings.healthPort)
  }
}

function notListening(cause: unknown, host: string, port: number, { variable }: Setting<unknown>): StartFailure {
  const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
  const message = isTaken
    ? `Port ${port} of ${host} is taken by another program. Set ${variable} to another port, or to 0 for any free one.`
    : `Cannot serve on port ${port} of ${host}: ${messageOf(cause)}`
  return new StartFailure(message, exitCodes.failure, { cause })
}

/**
 * Makes a clock that never returns the same time twice, nor an earlier one: a block that is deleted and created again must not repeat
 * sequence numbers. The digits below a millisecond come from the process's own clock.
 */
function strictClock(): () => Now {
  let last = 0n
  return () => {
    const nanoseconds = BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)
    last = nanoseconds > last ? nanoseconds : last + 1n
    return { nanoseconds: last }
  }
}

/** Prints a line for people on standard output, unless the audit log goes there. */
function say({ auditLog }: Config, line: string): void {
  const stream = auditLog === '-' ? process.stderr : process.stdout
  stream.write(`${line}\n`)
}
