import { constants, X509Certificate } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import { isIP, type Socket } from 'node:net'
import {
  createServer,
  type DetailedPeerCertificate,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { refusePlainHttp } from './connection-errors.ts'
import { Http2Connections } from './http2.ts'

/** The contents of the PEM files for serving with TLS. */
export interface TlsMaterial {
  /** The certificate of the server, followed by its intermediate CAs. */
  readonly certificate: Buffer
  readonly key: Buffer
  /** Certificates of the CAs that sign client certificates; undefined if clients are not asked for any. */
  readonly clientCa: Buffer | undefined
  /** Tells whether a certificate was revoked, by the SHA-256 fingerprint of its issuer and its serial number in hex. */
  readonly clientCrl: { isRevoked(issuer: string, serialNumber: string): boolean } | undefined
}

/** The client certificate of a connection, which TLS has verified. */
export interface ClientCertificate {
  readonly commonNames: readonly string[]
  readonly organizations: readonly string[]
  /** False once it has expired, it or one of its CAs was revoked, or its CA is trusted no more. */
  isTrusted(): boolean
}

declare module 'node:tls' {
  interface TLSSocket {
    /** Set by {@link TlsFront} on connections whose client has shown a valid certificate. */
    clientCertificate?: ClientCertificate
  }
}

/** How long a client has to agree with the server on keys. */
const handshakeTimeoutMs = 10_000

/**
 * Suites with forward secrecy and authenticated encryption only. HTTP/2 allows no others (RFC 9113 section 9.2.2), and all clients that
 * know TLS 1.2 have had them for ten years.
 */
const ciphers = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':')

/** Stands between the sockets and the HTTP server: speaks TLS, and over that HTTP/2 or HTTP/1.1, as the client chooses (ALPN). */
export class TlsFront {
  readonly #server: Server
  #certificate: X509Certificate
  /** The fingerprints of the CAs of client certificates. */
  #clientCas: ReadonlySet<string>
  #clientCrl: TlsMaterial['clientCrl']
  #http2: Http2Connections | undefined
  /** Connections that have not agreed on keys yet, by the address and port of the client. */
  readonly #handshakes = new Map<string, Socket>()

  constructor(material: TlsMaterial) {
    this.#certificate = new X509Certificate(material.certificate)
    this.#clientCas = fingerprintsIn(material.clientCa)
    this.#clientCrl = material.clientCrl
    this.#server = createServer({
      ...contextOf(material),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: material.clientCa !== undefined,
      // A client without a valid certificate may authenticate in another way.
      rejectUnauthorized: false,
    })
  }

  /** Uses other files for new connections; open ones are not interrupted. */
  renew(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOf(material))
    this.#certificate = new X509Certificate(material.certificate)
    this.#clientCas = fingerprintsIn(material.clientCa)
    this.#clientCrl = material.clientCrl
  }

  /** True if the certificate is for the host, a name or an address. */
  isFor(host: string): boolean {
    const certificate = this.#certificate
    return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined
  }

  /**
   * Makes the HTTP server speak TLS over each connection that it accepts or is given. Returns what serves a connection without TLS. Call it
   * once.
   */
  protect({ server: http, log }: FastifyInstance): (socket: Socket) => void {
    const http2 = new Http2Connections(http)
    this.#http2 = http2
    const serveHttp1 = takeConnectionListener(http)
    http.on('connection', (socket: Socket) => {
      const id = idOf(socket)
      this.#handshakes.set(id, socket)
      // TLS has no half-open connections: HTTP/2 would leave them open for ever.
      socket.allowHalfOpen = false
      socket.once('close', () => this.#handshakes.delete(id))
      this.#server.emit('connection', socket)
    })
    this.#server.on('secureConnection', (socket) => {
      this.#handshakes.delete(idOf(socket))
      this.#lookAtClient(socket, log)
      if (socket.alpnProtocol === 'h2') http2.serve(socket)
      else serveHttp1(socket)
    })
    this.#server.on('tlsClientError', (error, socket) => {
      log.debug({ from: socket.remoteAddress, problem: error.message }, 'a client did not agree on TLS')
      const plain = this.#handshakes.get(idOf(socket))
      if (plain !== undefined && 'code' in error && error.code === 'ERR_SSL_HTTP_REQUEST') refusePlainHttp(plain)
    })
    return serveHttp1
  }

  /** Tells clients that keep a connection open to send no more requests over it. */
  announceStop(): void {
    this.#http2?.announceStop()
  }

  /** Closes the connections without a request in flight, except those of HTTP/1.1, which the HTTP server knows. */
  closeIdle(): void {
    for (const socket of this.#handshakes.values()) socket.destroy()
    this.#http2?.closeIdle()
  }

  /** Closes all connections at once, except those of HTTP/1.1. */
  closeAll(): void {
    this.closeIdle()
    this.#http2?.closeAll()
  }

  #lookAtClient(socket: TLSSocket, log: FastifyBaseLogger): void {
    const shown = socket.getPeerX509Certificate()
    if (shown === undefined) return
    if (!socket.authorized) {
      const about = { from: socket.remoteAddress, subject: shown.subject, problem: socket.authorizationError }
      log.info(about, 'a client certificate was not accepted')
      return
    }
    const certificate = socket.getPeerCertificate(true)
    const links = chainOf(certificate)
    const expiresAt = shown.validToDate.getTime()
    socket.clientCertificate = {
      commonNames: textsOf(certificate.subject.CN),
      organizations: textsOf(certificate.subject.O),
      isTrusted: () =>
        Date.now() <= expiresAt &&
        links.some(({ issuer }) => this.#clientCas.has(issuer)) &&
        !links.some(({ issuer, serialNumber }) => this.#clientCrl?.isRevoked(issuer, serialNumber)),
    }
  }
}

function contextOf({ certificate, key, clientCa }: TlsMaterial): SecureContextOptions {
  // A resumed session would not verify the client certificate again.
  const noTickets = clientCa === undefined ? 0 : constants.SSL_OP_NO_TICKET
  return {
    cert: certificate,
    key,
    ca: clientCa,
    minVersion: 'TLSv1.2',
    ciphers,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | noTickets,
  }
}

function fingerprintsIn(pem: Buffer | undefined): ReadonlySet<string> {
  const certificates = pem?.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []
  return new Set(certificates.map((certificate) => new X509Certificate(certificate).fingerprint256))
}

/** A certificate of a chain. */
interface Link {
  readonly serialNumber: string
  /** The fingerprint of the CA that signed it. */
  readonly issuer: string
}

/** The chain of a certificate that was verified, from itself up. The root is its own issuer. */
function chainOf(certificate: DetailedPeerCertificate): readonly Link[] {
  const links = new Map<string, Link>()
  for (let next = certificate; !links.has(next.fingerprint256); next = next.issuerCertificate) {
    const { fingerprint256, serialNumber, issuerCertificate } = next
    links.set(fingerprint256, { serialNumber, issuer: issuerCertificate.fingerprint256 })
  }
  return [...links.values()]
}

/** Takes away what serves HTTP/1.1 over new connections of the server, and returns it. */
function takeConnectionListener(http: HttpServer): (socket: Socket) => void {
  const listeners = http.listeners('connection')
  http.removeAllListeners('connection')
  return (socket) => {
    for (const listener of listeners) Reflect.apply(listener, http, [socket])
  }
}

function idOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** Node gives an attribute that occurs several times as a list. */
function textsOf(attribute: string | readonly string[] | undefined): readonly string[] {
  return attribute === undefined ? [] : [attribute].flat()
}
