import { connect, type Socket } from 'node:net'
import { once } from 'node:events'

/** A connection over which a test sends whatever bytes it likes. */
export class RawConnection {
  readonly #socket: Socket
  #received = ''
  #isClosed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received += text
    })
    // A server may cut a connection on which it has been sent too much.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
    })
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const connection = new RawConnection(socket)
    await once(socket, 'connect')
    return connection
  }

  /** Hands bytes over to the system; resolves when it has taken them, or the connection is closed. */
  async write(bytes: string | Buffer): Promise<void> {
    if (this.#isClosed || !this.#socket.writable) return
    await new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => resolve())
    })
  }

  /** Cuts the connection. */
  cut(): void {
    this.#socket.destroy()
  }

  /** The bytes received so far. */
  get received(): string {
    return this.#received
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The answers that have come so far, complete ones only. */
  answers(): readonly RawAnswer[] {
    const answers: RawAnswer[] = []
    let rest = this.#received
    for (;;) {
      const headEnd = rest.indexOf('\r\n\r\n')
      if (headEnd < 0) return answers
      const head = rest.slice(0, headEnd)
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
      const length = status < 200 ? 0 : Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      const bodyStart = headEnd + 4
      if (rest.length < bodyStart + length) return answers
      answers.push({ status, head, body: rest.slice(bodyStart, bodyStart + length) })
      rest = rest.slice(bodyStart + length)
    }
  }
}

/** One answer, as it came. */
export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** A request as text. */
export function rawRequest(method: string, path: string, body?: string, headers: readonly string[] = []): string {
  const about =
    body === undefined ? [] : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]
  return [`${method} ${path} HTTP/1.1`, 'host: localhost', ...about, ...headers, '', body ?? ''].join('\r\n')
}
