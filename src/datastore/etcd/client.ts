import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { InterceptingCall } from '@grpc/grpc-js'
import { noop } from 'cockatiel'
import {
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  GRPCDataLossError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  type IDuplexStream,
  type IOptions,
  type IRangeRequest,
  type IRangeResponse,
  type IStatusResponse,
  type ITxnRequest,
  type ITxnResponse,
  type IWatchRequest,
  type IWatchResponse,
} from 'etcd3'
import { DatastoreUnavailable, RevisionCompacted } from '../faults.ts'
import { type CallOutcome, type DatastoreCall, type Probe, silentProbe } from '../probe.ts'
import { asError, refusedByEtcd, unanswered } from './faults.ts'
import { callDeadlineMs, flowControlWindowBytes, revokeDeadlineMs } from './limits.ts'

/** How to reach etcd. File contents, not paths. */
export interface EtcdConnection {
  /** URLs, http or https, one per member. */
  readonly endpoints: readonly string[]
  readonly ca?: Buffer | undefined
  readonly certificate?: Buffer | undefined
  readonly key?: Buffer | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/**
 * The outcome of a transaction. `refused`: etcd refused it, and applied nothing. `unsent`: it never left this process. `lost`: no answer
 * came; it may have been applied, or may still be (docs/etcd.md section 1, definite and ambiguous errors).
 */
export type TransactionOutcome =
  | { readonly kind: 'answered'; readonly response: ITxnResponse }
  | { readonly kind: 'refused' | 'unsent' | 'lost'; readonly error: Error }

/**
 * The etcd3 client, tamed. Its own retries are off: it would send a transaction again after a lost answer, and report the failure of the
 * second. There is one client for each member, so that we choose the member: we stay with one that works, and move on after an error.
 * Every call has an absolute deadline.
 */
export class EtcdClient {
  readonly #members: readonly Etcd3[]
  readonly #endpoints: readonly string[]
  readonly #connection: EtcdConnection
  readonly #probe: Pick<Probe, 'datastoreCalled'>
  #preferred = 0
  #closed = false

  /** `probe` hears of every call. */
  constructor(connection: EtcdConnection, probe: Pick<Probe, 'datastoreCalled'> = silentProbe) {
    this.#probe = probe
    this.#endpoints = connection.endpoints
    this.#connection = connection
    this.#members = connection.endpoints.map((endpoint) => openMember(endpoint, connection))
  }

  /** Reads a range, trying the members in turn until `deadlineMs` has passed. Throws when no member answers, or when etcd refuses. */
  range(request: IRangeRequest, deadlineMs = callDeadlineMs * 2): Promise<IRangeResponse> {
    return this.#read(deadlineMs, (member, deadline) => member.kv.range(request, { deadline }))
  }

  /** Makes several reads at one revision, at most {@link transactionOperationsMax}; otherwise as {@link range}. */
  ranges(requests: readonly IRangeRequest[], deadlineMs: number): Promise<ITxnResponse> {
    const success = requests.map((request) => ({ request_range: request }))
    return this.#read(deadlineMs, (member, deadline) => member.kv.txn({ success }, { deadline }))
  }

  async #read<Response>(
    deadlineMs: number,
    read: (member: Etcd3, deadline: number) => Promise<Response>,
  ): Promise<Response> {
    const deadlineAt = performance.now() + deadlineMs
    let cause: unknown
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      const attempted = this.#preferred
      try {
        const tryMs = Math.min(deadlineAt - performance.now(), callDeadlineMs)
        return await this.#observed('read', () => read(this.#member(attempted), Date.now() + tryMs))
      } catch (error) {
        if (isCompacted(error)) throw new RevisionCompacted(error)
        // A passed deadline tells less than what an earlier try met, such as a certificate that is not trusted.
        if (cause === undefined || !(error instanceof GRPCDeadlineExceededError)) cause = error
        const isLast = performance.now() + pauseMs >= deadlineAt
        if (isDefiniteRefusal(error) || isLast || this.#closed) throw unavailable(cause)
        this.#moveOn(attempted)
        await sleep(pauseMs)
      }
    }
  }

  /** Sends a transaction once, to the member in use. Never throws, and never sends it again. */
  async transact(request: ITxnRequest, deadlineMs = callDeadlineMs): Promise<TransactionOutcome> {
    const attempted = this.#preferred
    try {
      const response = await this.#observed('transaction', () =>
        this.#member(attempted).kv.txn(request, { deadline: Date.now() + deadlineMs }),
      )
      return { kind: 'answered', response }
    } catch (error) {
      const fault = asError(error)
      if (isDefiniteRefusal(fault)) return { kind: 'refused', error: fault }
      this.#moveOn(attempted)
      return { kind: wasNeverSent(fault) ? 'unsent' : 'lost', error: fault }
    }
  }

  /** Opens a watch stream on the member in use. */
  async watch(): Promise<IDuplexStream<IWatchRequest, IWatchResponse>> {
    const attempted = this.#preferred
    try {
      return await this.#observed('watch', () => this.#member(attempted).watchClient.watch())
    } catch (error) {
      this.#moveOn(attempted)
      throw unavailable(error)
    }
  }

  /** The member in use. */
  get member(): number {
    return this.#preferred
  }

  /** Moves on from `member`, which is faulty, if it is still in use. */
  abandonMember(member: number): void {
    this.#moveOn(member)
  }

  /** Grants a lease, and returns its id, a decimal string. */
  async grantLease(seconds: number): Promise<string> {
    const attempted = this.#preferred
    try {
      const deadline = Date.now() + callDeadlineMs
      const lease = await this.#observed('grant lease', () =>
        this.#member(attempted).leaseClient.leaseGrant({ TTL: seconds }, { deadline }),
      )
      return lease.ID
    } catch (error) {
      this.#moveOn(attempted)
      throw unavailable(error)
    }
  }

  /** Revokes a lease, and with it the keys attached to it. */
  async revokeLease(id: string): Promise<void> {
    const deadline = Date.now() + revokeDeadlineMs
    await this.#observed('revoke lease', () =>
      this.#member(this.#preferred).leaseClient.leaseRevoke({ ID: id }, { deadline }),
    )
  }

  /** The version of every member; `unreachable` for one that does not answer. */
  async versions(): Promise<readonly { endpoint: string; version: string }[]> {
    const statuses = await this.statuses()
    return statuses.map(({ endpoint, status }) => ({ endpoint, version: status?.version ?? 'unreachable' }))
  }

  /** Returns the status of every member; undefined for a member that does not answer. */
  async statuses(): Promise<readonly { endpoint: string; status: IStatusResponse | undefined }[]> {
    return Promise.all(
      this.#members.map(async (member, index) => {
        const endpoint = this.#endpoints[index] ?? ''
        try {
          return { endpoint, status: await member.maintenance.status({ deadline: Date.now() + 1_000 }) }
        } catch {
          return { endpoint, status: undefined }
        }
      }),
    )
  }

  /** The URL of the member in use. */
  get endpoint(): string {
    return this.#endpoints[this.#preferred] ?? ''
  }

  /** Begins to stream the database of the member in use. Throws {@link DatastoreUnavailable} when there is no answer, or a refusal. */
  async snapshot(): Promise<Readable> {
    const member = this.#member(this.#preferred)
    try {
      const { user: name, password = '' } = this.#connection
      const deadline = Date.now() + callDeadlineMs
      const token = name === undefined ? undefined : await member.auth.authenticate({ name, password }, { deadline })
      const stream: object = await member.maintenance.snapshot(withToken(token?.token))
      if (!(stream instanceof Readable)) throw new Error('etcd3 gives no stream')
      return stream
    } catch (error) {
      throw unavailable(error)
    }
  }

  close(): void {
    this.#closed = true
    for (const member of this.#members) member.close()
  }

  async #observed<Response>(call: DatastoreCall, send: () => Promise<Response>): Promise<Response> {
    const startedMs = performance.now()
    const tell = (outcome: CallOutcome): void => {
      this.#probe.datastoreCalled({ call, outcome, durationMs: performance.now() - startedMs })
    }
    try {
      const response = await send()
      tell('answered')
      return response
    } catch (error) {
      tell(isDefiniteRefusal(error) ? 'refused' : 'failed')
      throw error
    }
  }

  #member(index: number): Etcd3 {
    const member = this.#members[index]
    if (member === undefined) throw new Error('No etcd endpoint is configured.')
    return member
  }

  #moveOn(from: number): void {
    if (this.#preferred === from) this.#preferred = (from + 1) % this.#members.length
  }
}

function openMember(endpoint: string, connection: EtcdConnection): Etcd3 {
  const { user, password } = connection
  const credentials = credentialsOf(connection)
  return new Etcd3({
    hosts: endpoint,
    ...(credentials === undefined ? {} : { credentials }),
    ...(user === undefined
      ? {}
      : {
          auth: {
            username: user,
            password: password ?? '',
            // Every call waits for a token first, and its own deadline does not cover that.
            callOptions: () => ({ deadline: Date.now() + callDeadlineMs }),
          },
        }),
    faultHandling: { global: noop, host: () => noop },
    grpcOptions: {
      // Notices a half-open connection. etcd disconnects clients that ping more often than every 5 s.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc-node.flow_control_window': flowControlWindowBytes,
      // Only this file decides whether a call is sent again. Channel statistics are not used.
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      // gRPC would send even loopback traffic through the environment's proxy, which leads to other machines.
      ...(isOnThisMachine(endpoint) ? { 'grpc.enable_http_proxy': 0 } : {}),
    },
  })
}

/** Options by which a call sends a token. etcd3 forgets it in this one call (docs/etcd.md section 2). */
function withToken(token: string | undefined): NonNullable<Parameters<Etcd3['maintenance']['snapshot']>[0]> {
  if (token === undefined) return {}
  return {
    interceptors: [
      (options, nextCall) =>
        new InterceptingCall(nextCall(options), {
          start: (metadata, listener, next) => {
            metadata.set('token', token)
            next(metadata, listener)
          },
        }),
    ],
  }
}

function isOnThisMachine(endpoint: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(endpoint).hostname)
}

/** The TLS credentials of a connection; undefined when Node.js's trusted CAs are enough. */
function credentialsOf({ ca, certificate, key }: EtcdConnection): IOptions['credentials'] {
  if (ca === undefined && certificate === undefined && key === undefined) return undefined
  // @ts-expect-error: etcd3's type requires roots, but passes their absence on, and gRPC then trusts the CAs that Node.js trusts.
  return {
    ...(ca === undefined ? {} : { rootCertificate: ca }),
    ...(key === undefined ? {} : { privateKey: key }),
    ...(certificate === undefined ? {} : { certChain: certificate }),
  }
}

/** True for an error by which etcd answers that it refuses. */
export function isDefiniteRefusal(error: unknown): boolean {
  return (
    error instanceof GRPCInvalidArgumentError ||
    error instanceof GRPCUnauthenticatedError ||
    error instanceof GRPCFailedPreconditionError ||
    error instanceof GRPCOutOfRangeError ||
    error instanceof GRPCResourceExhastedError ||
    error instanceof EtcdPermissionDeniedError ||
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdLeaseInvalidError ||
    // Members that have raised the alarm CORRUPT apply no change.
    (error instanceof GRPCDataLossError && error.message.includes('corrupt cluster'))
  )
}

/** True for errors of grpc-js and etcd3 that there was no connection to write the call to. Their status is ambiguous; their text is not. */
function wasNeverSent({ message }: Error): boolean {
  return (
    message.includes('No connection established') ||
    message.includes('Channel closed before call started') ||
    message.includes('the client was already closed') ||
    // The deadline passed while the call waited for a connection, unless there had been an attempt before.
    (message.includes('Waiting for LB pick') && !message.includes('previous attempts'))
  )
}

/** True when etcd, or its gRPC server, refused a transaction for its length. */
export function isTooLarge({ message }: Error): boolean {
  return (
    message.includes('request is too large') ||
    message.includes('too many operations in txn request') ||
    message.includes('received message larger than max')
  )
}

/** True when etcd refused a transaction for its contents, so that another one may go through. */
export function isAboutContent(error: Error): boolean {
  return isTooLarge(error) || error instanceof GRPCInvalidArgumentError || error instanceof EtcdPermissionDeniedError
}

function isCompacted(error: unknown): boolean {
  return error instanceof GRPCOutOfRangeError && error.message.includes('compacted')
}

/** Says what an error of etcd, TLS or gRPC means. */
export function unavailable(error: unknown): DatastoreUnavailable {
  if (error instanceof DatastoreUnavailable) return error
  if (isDefiniteRefusal(error)) return refusedByEtcd(asError(error))
  return unanswered(asError(error))
}
