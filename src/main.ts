import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { defaultCacheDir, helpText, parseConfig, type Config } from './config.ts'
import { type EtcdConnection, openEtcdStore } from './datastore/etcd/index.ts'
import { DatastoreNotOpened, declare, logProbe, type Probe, type Store } from './datastore/index.ts'
import { EtcdStartFailure, startEmbeddedEtcd, type EmbeddedEtcd } from './embedded-etcd/index.ts'
import { buildServer, closeServer } from './http/index.ts'
import {
  affinities,
  annexes,
  BlockIndex,
  blocks,
  clusterInformations,
  handles,
  ipamConfigs,
  nodes,
  pools,
  reservations,
  storedAnswers,
  type Now,
  virtualAffinities,
  workloadEndpoints,
} from './model/index.ts'
import { resourceKinds } from './resources/index.ts'
import {
  badSettings,
  exitCodes,
  type Log,
  messageOf,
  openLog,
  readCredentials,
  RunningParts,
  StartFailure,
  stopOnSignal,
} from './start/index.ts'
import { Collection, PoolTermination } from './upkeep/index.ts'

/** Does what the command line asks for. Messages for people go to standard output, the log goes to standard error. */
async function run(): Promise<void> {
  const parsed = parseConfig(process.argv.slice(2), process.env)
  if (!parsed.ok) exitWith(badSettings(parsed.problems))
  else if (parsed.action === 'help') say(helpText())
  else if (parsed.action === 'version') say(`ippoold ${version()}`)
  else await serve(parsed.config)
}

/** Starts everything. Stops it on a signal, on an uncaught error, and if the start fails half-way. */
async function serve(config: Config): Promise<void> {
  const log = openLog(config.logLevel)
  const parts = new RunningParts()
  const starting = start(config, log, parts)
  const stop = async (): Promise<void> => {
    // A start cannot be interrupted, but it can be undone.
    await starting.catch(() => undefined)
    await parts.stop()
  }
  stopOnSignal(log.logger, stop, () => process.exit(exitCodes.failure))
  try {
    const { url, data } = await starting
    say(`ippoold serves ${url}, documentation at ${url}/docs, data in ${data}`)
  } catch (error) {
    await parts.stop()
    exitWith(error)
  }
}

interface Served {
  readonly url: string
  /** Where the data are, for the user. */
  readonly data: string
}

/** Starts etcd or connects to one, reads its data, and serves. Adds every running part to `parts`. */
async function start(config: Config, { logger, serverLog }: Log, parts: RunningParts): Promise<Served> {
  const credentials = await readCredentials(config)
  const embedded = config.etcdEndpoints.length === 0 ? await startEtcd(config, logger, parts) : undefined
  const endpoints = embedded === undefined ? config.etcdEndpoints : [embedded.endpoint]
  const index = new BlockIndex()
  const now = strictClock()
  const probe = logProbe(logger)
  const termination = new PoolTermination(index, now, logger)
  const datastore = await openDatastore({ ...credentials, endpoints }, index, termination, config, probe)
  parts.add(() => datastore.close())
  termination.start(datastore)
  parts.add(() => termination.stop())
  const { upkeepIntervalSeconds: intervalSeconds, upkeepGraceSeconds: graceSeconds } = config
  const collection = new Collection({
    blocks: index,
    kinds: resourceKinds(index),
    now,
    logger,
    intervalSeconds,
    graceSeconds,
  })
  collection.start(datastore)
  parts.add(() => collection.stop())
  const server = buildServer({
    store: datastore,
    blocks: index,
    now,
    newUid: randomUUID,
    version: version(),
    bodyLimitBytes: config.bodyLimitBytes,
    deadlineMs: config.requestTimeoutMs,
    callsMax: config.queueLimit,
    logger: serverLog,
    probe,
  })
  parts.add(() => closeServer(server))
  // Added last, so it comes first: clients that watch the readiness stop sending, while requests are still answered.
  parts.add(() => {
    datastore.announceStop()
  })
  const url = await listen(server, config)
  if (config.allowRemote)
    logger.warn(
      { host: config.host },
      'there is no authentication: everybody who can reach this address may do everything',
    )
  const data = embedded === undefined ? datastore.description : resolve(config.dataDir)
  return { url, data }
}

async function startEtcd(config: Config, logger: Logger, parts: RunningParts): Promise<EmbeddedEtcd> {
  const etcd = await startEmbeddedEtcd({
    dataDir: resolve(config.dataDir),
    cacheDir: resolve(config.cacheDir ?? defaultCacheDir(process.env)),
    binary: config.etcdBinary === undefined ? undefined : resolve(config.etcdBinary),
    environment: process.env,
    announce: say,
    logger,
  })
  parts.add(() => etcd.stop())
  logger.info({ endpoint: etcd.endpoint, etcdPid: etcd.pid() }, 'etcd is running')
  return etcd
}

async function openDatastore(
  connection: EtcdConnection,
  index: BlockIndex,
  termination: PoolTermination,
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
            termination.blockChanged(key)
          },
          changedText: (key, text) => {
            const isTold = index.changedText(key, text)
            if (isTold) termination.blockChanged(key)
            return isTold
          },
        }),
        declare(affinities),
        declare(virtualAffinities),
        declare(handles),
        declare(ipamConfigs),
        declare(pools, termination.pools),
        declare(reservations),
        declare(nodes),
        declare(annexes),
        declare(workloadEndpoints),
        declare(clusterInformations),
        declare(storedAnswers),
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

/** Listens, and returns the URL. */
async function listen(server: ReturnType<typeof buildServer>, { host, port }: Config): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const message = isTaken
      ? `Port ${port} of ${host} is taken by another program. Set IPPOOLD_PORT to another port, or to 0 for any free one.`
      : `Cannot serve on port ${port} of ${host}: ${messageOf(cause)}`
    throw new StartFailure(message, exitCodes.failure, { cause })
  }
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

/** Prints the error, a bug with its stack, and ends the process. */
function exitWith(error: unknown): never {
  const isExplained = error instanceof StartFailure || error instanceof EtcdStartFailure
  const text = !isExplained && error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
  process.stderr.write(`${text}\n`)
  process.exit(error instanceof StartFailure ? error.exitCode : exitCodes.failure)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function version(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown'
}

await run()
