import { randomUUID, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import closeWithGrace from 'close-with-grace'
import { pino, type DestinationStream, type Logger } from 'pino'
import { defaultCacheDir, helpText, parseConfig, type Config } from './config.ts'
import { Datastore, declare, type EtcdConnection, leaders } from './datastore/index.ts'
import { EtcdStartFailure, startEmbeddedEtcd, type EmbeddedEtcd } from './embedded-etcd/index.ts'
import { buildServer } from './http/index.ts'
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
import { Collection, PoolTermination } from './upkeep/index.ts'

/** What a shell is told: a setting was wrong, as with most programs; anything else that prevented the start, or ended the server. */
const exitCode = { badSetting: 2, failure: 1 } as const

/** The start cannot go on, for a reason that the person who started the server can do something about. */
class StartFailure extends Error {
  readonly exitCode: number

  constructor(message: string, code: number, options?: { cause?: unknown }) {
    super(message, options)
    this.exitCode = code
  }
}

/** Does what the command line asks for. People are told on standard output; the log goes to standard error. */
async function run(): Promise<void> {
  const parsed = parseConfig(process.argv.slice(2), process.env)
  if (!parsed.ok) giveUp(badSettings(parsed.problems))
  else if (parsed.action === 'help') say(helpText())
  else if (parsed.action === 'version') say(`ippoold ${version()}`)
  else await serve(parsed.config)
}

/** Starts everything, and stops it again on a signal, on a fault that nobody caught, and when the start fails half-way. */
async function serve(config: Config): Promise<void> {
  const log = openLog(config.logLevel)
  const parts = new RunningParts()
  const starting = start(config, log, parts)
  stopWhenAsked(log.logger, async () => {
    // A start cannot be interrupted, but it can be undone.
    await starting.catch(() => undefined)
    await parts.stop()
  })
  try {
    const { url, data } = await starting
    say(`ippoold serves ${url}, documentation at ${url}/docs, data in ${data}`)
  } catch (error) {
    await parts.stop()
    giveUp(error)
  }
}

/** What runs, to be stopped in the opposite order. */
class RunningParts {
  readonly #stops: (() => Promise<void> | void)[] = []

  add(stop: () => Promise<void> | void): void {
    this.#stops.push(stop)
  }

  async stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop !== undefined; stop = this.#stops.pop()) await stop()
  }
}

/**
 * A clock that never gives the same time twice, nor an earlier one: a block that is deleted and made anew must not get the sequence
 * numbers of the old one. Its last digits come from the process's own clock, as the system's has only milliseconds.
 */
function strictClock(): () => Now {
  let last = 0n
  return () => {
    const nanoseconds = BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)
    last = nanoseconds > last ? nanoseconds : last + 1n
    return { nanoseconds: last }
  }
}

interface Served {
  readonly url: string
  /** Where the data are, in words. */
  readonly data: string
}

/** Starts etcd or finds the one that is there, reads what it holds, and serves. Each part that runs is added to `parts`. */
async function start(config: Config, { logger, serverLog }: Log, parts: RunningParts): Promise<Served> {
  const credentials = await readCredentials(config)
  const embedded = config.etcdEndpoints.length === 0 ? await startEtcd(config, logger, parts) : undefined
  const endpoints = embedded === undefined ? config.etcdEndpoints : [embedded.endpoint]
  const index = new BlockIndex()
  const now = strictClock()
  const termination = new PoolTermination(index, now, logger)
  const datastore = await openDatastore({ ...credentials, endpoints }, index, termination, config, logger)
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
  })
  parts.add(() => closeServer(server))
  // Added last, so it comes first: who looks at the readiness sends no more, while requests are still answered.
  parts.add(() => {
    datastore.announceStop()
  })
  const url = await listen(server, config)
  if (config.allowRemote)
    logger.warn({ host: config.host }, 'there is no authentication: whoever reaches this may do everything')
  const data = embedded === undefined ? `the etcd at ${endpoints.join(', ')}` : resolve(config.dataDir)
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

/** Who to be for an external etcd. */
async function readCredentials(config: Config): Promise<Omit<EtcdConnection, 'endpoints'>> {
  const problems: string[] = []
  const read = async (variable: string, path: string | undefined): Promise<Buffer | undefined> => {
    if (path === undefined) return undefined
    try {
      return await readFile(path)
    } catch (error) {
      problems.push(`${variable}: ${path} cannot be read (${messageOf(error)}); give a PEM file`)
      return undefined
    }
  }
  const ca = await read('ETCD_CA_FILE', config.etcdCaFile)
  const certificate = await read('ETCD_CERT_FILE', config.etcdCertFile)
  const key = await read('ETCD_KEY_FILE', config.etcdKeyFile)
  problems.push(...problemsOfTls({ ca, certificate, key }))
  if (problems.length > 0) throw badSettings(problems)
  return { ca, certificate, key, user: config.etcdUser, password: config.etcdPassword }
}

/** What is wrong with the contents of the files, which gRPC would not tell or tell as a fault of its own. */
function problemsOfTls({ ca, certificate, key }: Pick<EtcdConnection, 'ca' | 'certificate' | 'key'>): string[] {
  const problems: string[] = []
  const attempt = (settings: string, expected: string, use: () => unknown): void => {
    try {
      use()
    } catch (error) {
      problems.push(`${settings}: cannot be used (${messageOf(error)}); give ${expected}`)
    }
  }
  if (ca !== undefined) attempt('ETCD_CA_FILE', 'certificates in PEM', () => new X509Certificate(ca))
  if (certificate !== undefined && key !== undefined) {
    attempt(
      'ETCD_CERT_FILE, ETCD_KEY_FILE',
      'a certificate in PEM and the key, without a passphrase, that belongs to it',
      () => createSecureContext({ cert: certificate, key }),
    )
  }
  return problems
}

async function openDatastore(
  connection: EtcdConnection,
  index: BlockIndex,
  termination: PoolTermination,
  config: Config,
  logger: Logger,
): Promise<Datastore> {
  try {
    return await Datastore.open({
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
        declare(leaders),
      ],
      limits: {
        batchOperationsMax: config.batchOperationsMax,
        batchesInFlight: config.batchesInFlight,
        queueLengthMax: config.queueLimit,
        deadlineMs: config.requestTimeoutMs,
        expirySeconds: config.answerRetentionSeconds,
      },
      logger,
    })
  } catch (cause) {
    const lines = [`The etcd at ${connection.endpoints.join(', ')} cannot be used: ${messageOf(cause)}`]
    // What gRPC or etcd said.
    if (cause instanceof Error && cause.cause instanceof Error) lines.push(`  ${cause.cause.message.trim()}`)
    const message = lines.join('\n')
    throw new StartFailure(message, exitCode.failure, { cause })
  }
}

/** Serves, and gives the URL. */
async function listen(server: ReturnType<typeof buildServer>, { host, port }: Config): Promise<string> {
  try {
    const url = await server.listen({ host, port })
    return url
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const message = isTaken
      ? `Port ${port} of ${host} is taken by another program. Give another one with IPPOOLD_PORT; 0 takes any that is free.`
      : `Cannot serve on port ${port} of ${host}: ${messageOf(cause)}`
    throw new StartFailure(message, exitCode.failure, { cause })
  }
}

/** Longer than the datastore, which is told to hurry, takes to settle what is under way: who still waits then waits for no answer. */
const answerTimeMs = 7_000

/**
 * Answers what is in flight, and closes. A connection that is busy when the closing begins is kept alive after its answer, and
 * would hold everything up for as long as its client likes; so those that fall idle are closed on the way, and all others after
 * {@link answerTimeMs}.
 */
async function closeServer(server: ReturnType<typeof buildServer>): Promise<void> {
  const timer = setInterval(() => {
    server.server.closeIdleConnections()
  }, 50)
  const lastCall = setTimeout(() => {
    server.server.closeAllConnections()
  }, answerTimeMs)
  try {
    await server.close()
  } finally {
    clearInterval(timer)
    clearTimeout(lastCall)
  }
}

/** Beside the above: an embedded etcd that does not end is killed after 10 s. */
const stopTimeMs = 20_000

/** Ctrl-C comes twice when npm is in between: from the terminal, and passed on by npm. */
const sameSignalMs = 1_000

/**
 * Stops in good order on SIGINT, SIGTERM and what close-with-grace looks after besides: other signals, and faults that nobody
 * caught, which give exit code 1. A second signal ends the process at once, etcd with it.
 */
function stopWhenAsked(logger: Logger, stop: () => Promise<void>): void {
  const options = {
    delay: stopTimeMs,
    logger: { error: (problem: unknown) => logger.error({ err: problem }, 'stopping did not go well') },
    skip: ['SIGINT', 'SIGTERM'] satisfies NodeJS.Signals[],
  }
  const grace = closeWithGrace(options, async ({ err }) => {
    if (err === undefined) logger.info('stopping')
    else logger.fatal({ err }, 'stopping because of a fault that nobody caught')
    await stop()
    logger.info('stopped')
  })
  let askedAt: number | undefined
  const onSignal = (): void => {
    if (askedAt === undefined) {
      askedAt = Date.now()
      grace.close()
    } else if (Date.now() - askedAt > sameSignalMs) {
      logger.warn('asked twice: ending at once')
      process.exit(exitCode.failure)
    }
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
}

interface Log {
  readonly logger: Logger
  /** The same for Fastify, which makes its logger itself. */
  readonly serverLog: { readonly level: string; readonly stream: DestinationStream }
}

/** Lines are written together while the last write is under way, and what is left when the process ends. */
function openLog(level: string): Log {
  const stream = pino.destination({ dest: 2, sync: false })
  process.on('exit', () => {
    stream.flushSync()
  })
  return { logger: pino({ level }, stream), serverLog: { level, stream } }
}

/** Ends the process, saying why; a bug with its stack. */
function giveUp(error: unknown): never {
  const isExplained = error instanceof StartFailure || error instanceof EtcdStartFailure
  const text = !isExplained && error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
  process.stderr.write(`${text}\n`)
  process.exit(error instanceof StartFailure ? error.exitCode : exitCode.failure)
}

function badSettings(problems: readonly string[]): StartFailure {
  const lines = ['These settings are not right:', ...problems.map((problem) => `  ${problem}`), 'See ippoold --help.']
  return new StartFailure(lines.join('\n'), exitCode.badSetting)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
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
