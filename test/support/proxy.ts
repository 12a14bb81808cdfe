import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'

/**
 * What happens to a connection that a client opens: it works, it is broken at once, it is accepted and then nothing ever passes, or
 * it works but for the answers, which are held.
 */
export type Newcomers = 'pass' | 'refuse' | 'stall' | 'mute'

/**
 * What passes on a connection: what the client says; etcd's answers to calls; and what it pushes down streams that stay open, as it
 * does the events of a watch. While answers are held, calls are carried out and nobody hears of it.
 */
export type Traffic = (typeof traffic)[number]

const traffic = ['requests', 'answers', 'pushes'] as const

/**
 * The network between the clients of an etcd and etcd itself, with its faults under control: nothing in here waits for a while, breaks
 * at random or heals by itself. It passes bytes on, and reads the HTTP/2 frames in them only to tell calls, which are
 * answered, from streams that stay open, down which etcd pushes the events of a watch.
 */
export class TcpProxy {
  /** Sets what happens to connections from now on. */
  newcomers: Newcomers = 'pass'
  readonly #server: Server
  readonly #target: { readonly host: string; readonly port: number }
  readonly #links = new Set<Link>()
  #accepted = 0

  constructor(endpoint: string) {
    const { hostname, port } = new URL(endpoint)
    this.#target = { host: hostname, port: Number(port) }
    this.#server = createServer((client) => {
      this.#accept(client)
    })
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** The address of the proxy for clients. */
  get endpoint(): string {
    const { port } = this.#server.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  }

  /** The number of connections opened so far, refused ones included. */
  get accepted(): number {
    return this.#accepted
  }

  /** Breaks all connections at both ends; what was held is lost. */
  cut(): void {
    for (const link of this.#links) link.destroy()
  }

  /** Breaks all connections at the client's end. Requests that are held are still delivered by `release`, long after the client gave up. */
  cutClients(): void {
    for (const link of this.#links) link.cutClient()
  }

  /** Lets the present connections go half-open: nothing passes, and neither end learns that the other has gone. */
  freeze(): void {
    for (const link of this.#links) link.freeze()
  }

  /** Keeps back, on the present connections from here on, one kind of what passes. */
  hold(kind: Traffic): void {
    for (const link of this.#links) link[kind].hold()
  }

  /** Lets everything go on that is held, or one kind of it. */
  release(...kinds: readonly Traffic[]): void {
    for (const link of this.#links) link.release(kinds.length === 0 ? traffic : kinds)
  }

  /** True if something that contains `text`, such as a key, is held. */
  holds(kind: Traffic, text: string): boolean {
    return [...this.#links].some((link) => link[kind].held.includes(text))
  }

  /** True if etcd has answered every call that it got. */
  get isEveryCallAnswered(): boolean {
    return [...this.#links].every((link) => link.callsUnderWay === 0)
  }

  async close(): Promise<void> {
    this.#server.close()
    this.cut()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    this.#accepted++
    if (this.newcomers === 'refuse') {
      client.destroy()
      return
    }
    const link = new Link(client, connect(this.#target), () => this.#links.delete(link))
    this.#links.add(link)
    if (this.newcomers === 'stall') link.freeze()
    if (this.newcomers === 'mute') link.answers.hold()
  }
}

/** A proxy before the etcd at `endpoint`, for as long as the test runs. */
export async function startProxy(t: Test, endpoint: string): Promise<TcpProxy> {
  const proxy = new TcpProxy(endpoint)
  await proxy.listen()
  t.teardown(() => proxy.close())
  return proxy
}

/** Bytes on their way to one end of a connection. */
class Direction {
  readonly #to: Socket
  #held: Buffer[] | undefined

  constructor(to: Socket) {
    this.#to = to
  }

  pass(bytes: Buffer): void {
    if (this.#held !== undefined) this.#held.push(bytes)
    else if (this.#to.writable) this.#to.write(bytes)
  }

  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const bytes of held) this.pass(bytes)
  }

  get isHolding(): boolean {
    return this.#held !== undefined
  }

  get held(): Buffer {
    return Buffer.concat(this.#held ?? [])
  }
}

/** One connection of a client and the one to etcd that belongs to it. */
class Link {
  readonly requests: Direction
  readonly answers: Direction
  readonly pushes: Direction
  /** Frames of the connection itself: settings, pings, windows. */
  readonly upkeep: Direction
  readonly #client: Socket
  readonly #target: Socket
  readonly #requestFrames = new FrameReader(clientPreface)
  readonly #answerFrames = new FrameReader(0)
  /** Streams whose request is complete and that etcd has not ended. */
  readonly #calls = new Set<number>()
  /** Streams whose first answer is held: nothing on them may overtake it. */
  readonly #unannounced = new Set<number>()
  #isFrozen = false
  #isClientCut = false
  readonly #onEnd: () => void

  constructor(client: Socket, target: Socket, onEnd: () => void) {
    this.#client = client
    this.#target = target
    this.#onEnd = onEnd
    this.requests = new Direction(target)
    this.answers = new Direction(client)
    this.pushes = new Direction(client)
    this.upkeep = new Direction(client)
    client.on('data', (bytes) => {
      this.#request(bytes)
    })
    target.on('data', (bytes) => {
      this.#answer(bytes)
    })
    // A broken end is the purpose here; 'close' follows.
    for (const socket of [client, target]) socket.setNoDelay(true).on('error', () => undefined)
    client.on('close', () => {
      if (!this.#isFrozen && !this.#isClientCut) this.destroy()
    })
    target.on('close', () => {
      if (!this.#isFrozen) this.destroy()
    })
  }

  get callsUnderWay(): number {
    return this.#calls.size
  }

  release(kinds: readonly Traffic[]): void {
    if (this.#isFrozen) return
    for (const kind of kinds) this[kind].release()
    if (kinds.includes('answers')) this.#unannounced.clear()
  }

  freeze(): void {
    this.#isFrozen = true
    for (const direction of [this.requests, this.answers, this.pushes, this.upkeep]) direction.hold()
  }

  cutClient(): void {
    this.#isClientCut = true
    this.#client.destroy()
  }

  destroy(): void {
    this.#client.destroy()
    this.#target.destroy()
    this.#onEnd()
  }

  #request(bytes: Buffer): void {
    this.requests.pass(bytes)
    for (const { stream, isLast } of this.#requestFrames.read(bytes)) if (isLast) this.#calls.add(stream)
  }

  #answer(bytes: Buffer): void {
    for (const { stream, isLast, isData, frame } of this.#answerFrames.read(bytes)) {
      const isPush = isData && !this.#calls.has(stream) && !this.#unannounced.has(stream)
      if (stream === 0) this.upkeep.pass(frame)
      else if (isPush) this.pushes.pass(frame)
      else this.answers.pass(frame)
      if (stream !== 0 && !isData && this.answers.isHolding) this.#unannounced.add(stream)
      if (isLast) this.#calls.delete(stream)
    }
  }
}

interface Frame {
  readonly stream: number
  /** True if it is the sender's last frame on the stream. */
  readonly isLast: boolean
  readonly isData: boolean
  /** The whole frame, header included. */
  readonly frame: Buffer
}

/** Bytes that a client sends before its first frame (RFC 9113, section 3.4). */
const clientPreface = 24

/** Bytes of the header of a frame (RFC 9113, section 4.1). */
const frameHeader = 9
const dataFrame = 0x0
const headersFrame = 0x1
const endStreamFlag = 0x1

/** Cuts the bytes of one direction into HTTP/2 frames. */
class FrameReader {
  #skip: number
  #rest = Buffer.alloc(0)

  constructor(prefaceLength: number) {
    this.#skip = prefaceLength
  }

  *read(bytes: Buffer): Iterable<Frame> {
    const skipped = Math.min(this.#skip, bytes.length)
    this.#skip -= skipped
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(skipped)])
    while (this.#rest.length >= frameHeader) {
      const length = frameHeader + this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < length) return
      const frame = this.#rest.subarray(0, length)
      this.#rest = this.#rest.subarray(length)
      const type = frame.readUInt8(3)
      const canEnd = type === dataFrame || type === headersFrame
      yield {
        stream: frame.readUInt32BE(5) & 0x7fffffff,
        isLast: canEnd && (frame.readUInt8(4) & endStreamFlag) !== 0,
        isData: type === dataFrame,
        frame,
      }
    }
  }
}
