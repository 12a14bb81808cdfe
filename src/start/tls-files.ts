import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import { badSettings, messageOf } from './failure.ts'
import { readRevocationLists, type RevocationLists } from './revocation-lists.ts'

/** The settings for serving with TLS: paths of PEM files. */
export interface TlsSettings {
  readonly tlsCertFile: string | undefined
  readonly tlsKeyFile: string | undefined
  readonly clientCaFile: string | undefined
  readonly clientCrlFile: string | undefined
}

/** The contents of the PEM files for serving with TLS. */
export interface TlsMaterial {
  readonly certificate: Buffer
  readonly key: Buffer
  /** Certificates of the CAs that sign client certificates. */
  readonly clientCa: Buffer | undefined
  /** Client certificates, and CAs of them, that were revoked. */
  readonly clientCrl: RevocationLists | undefined
}

/** When certificates end, in milliseconds since the epoch, by what they are for. */
export type CertificateEnds = Readonly<Partial<Record<'served' | 'client_ca' | 'etcd_client', number>>>

/** How often the files are read. A change counts once two reads in a row have found it: programs write files one after the other. */
const pollIntervalMs = 1_000

/** How often the log warns of a certificate that is about to expire, and how long before its end. */
const expiryCheckIntervalMs = 24 * 3_600_000
const expiryWarningMs = 30 * expiryCheckIntervalMs

/**
 * The files for TLS, which other programs renew while the server runs. They are read again and again instead of watched: that also finds
 * the changes of symbolic links by which Kubernetes renews them, and those on file systems without notifications.
 */
export class TlsFiles {
  readonly #paths: Paths
  readonly #logger: Logger
  #material: TlsMaterial
  /** The contents that are in use, or that were found to be unusable. */
  #judged: string
  /** The contents that the last read has found. */
  #seen: string
  #timers: NodeJS.Timeout[] = []

  private constructor(paths: Paths, logger: Logger, material: TlsMaterial, contents: string) {
    this.#paths = paths
    this.#logger = logger
    this.#material = material
    this.#judged = contents
    this.#seen = contents
  }

  /** Reads the files; returns undefined if the settings name none. Throws a `StartFailure` that names all that is wrong with them. */
  static async open(settings: TlsSettings, logger: Logger): Promise<TlsFiles | undefined> {
    const { tlsCertFile: certificate, tlsKeyFile: key, clientCaFile: clientCa, clientCrlFile: clientCrl } = settings
    if (certificate === undefined || key === undefined) return undefined
    const paths = { certificate, key, clientCa, clientCrl }
    const files = await readFiles(paths)
    const judged = await judge(files)
    if (!judged.ok) throw badSettings(judged.problems)
    return new TlsFiles(paths, logger, judged.material, fingerprintOf(files))
  }

  get material(): TlsMaterial {
    return this.#material
  }

  /** When the certificates in use end, by what they are for. */
  get ends(): CertificateEnds {
    const { certificate, clientCa } = this.#material
    return { served: firstEndOf(certificate), ...(clientCa !== undefined && { client_ca: firstEndOf(clientCa) }) }
  }

  /** Calls `renewed` with new contents of the files, if they can be used, until {@link stop}. Warns of certificates that expire. */
  follow(renewed: (material: TlsMaterial) => void): void {
    let isReading = false
    const poll = async (): Promise<void> => {
      if (isReading) return
      isReading = true
      await this.#poll(renewed)
      isReading = false
    }
    this.#warn()
    this.#timers = [
      setInterval(() => void poll(), pollIntervalMs),
      setInterval(() => {
        this.#warn()
      }, expiryCheckIntervalMs),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  async #poll(renewed: (material: TlsMaterial) => void): Promise<void> {
    const files = await readFiles(this.#paths)
    const contents = fingerprintOf(files)
    const isSettled = contents === this.#seen
    this.#seen = contents
    if (!isSettled || contents === this.#judged) return
    this.#judged = contents
    const judged = await judge(files)
    const problems = judged.ok ? this.#objections(judged.material) : judged.problems
    if (judged.ok && problems.length === 0) {
      this.#material = judged.material
      renewed(judged.material)
      this.#logger.info(describe(judged.material), 'the files for TLS were renewed')
      this.#warn()
    } else {
      this.#logger.error({ problems }, 'the files for TLS have changed and cannot be used; the ones before stay in use')
    }
  }

  /** A certificate that has expired is no renewal of one that has not. */
  #objections({ certificate }: TlsMaterial): readonly string[] {
    const now = Date.now()
    const { validTo, validToDate } = new X509Certificate(certificate)
    const isWorse = validToDate.getTime() < now && expiryOf(this.#material) >= now
    return isWorse
      ? [`IPPOOLD_TLS_CERT_FILE: ${this.#paths.certificate}: the certificate has expired at ${validTo}`]
      : []
  }

  #warn(): void {
    this.#warnOfExpiry()
    this.#warnOfOldLists()
  }

  #warnOfExpiry(): void {
    const leftMs = expiryOf(this.#material) - Date.now()
    if (leftMs > expiryWarningMs) return
    const about = describe(this.#material)
    if (leftMs < 0) this.#logger.error(about, 'the certificate of this server has expired; renew IPPOOLD_TLS_CERT_FILE')
    else this.#logger.warn(about, 'the certificate of this server expires soon; renew IPPOOLD_TLS_CERT_FILE')
  }

  #warnOfOldLists(): void {
    const { endsAt = Infinity } = this.#material.clientCrl ?? {}
    if (endsAt > Date.now()) return
    const about = { outOfDateSince: new Date(endsAt).toISOString() }
    this.#logger.warn(about, 'a list of revoked certificates is out of date; renew IPPOOLD_CLIENT_CRL_FILE')
  }
}

interface Paths {
  readonly certificate: string
  readonly key: string
  readonly clientCa: string | undefined
  readonly clientCrl: string | undefined
}

/** A file that was read, or the reason why it could not be. */
interface ReadFile {
  readonly path: string
  readonly content: Buffer | string
}

interface Files {
  readonly certificate: ReadFile
  readonly key: ReadFile
  readonly clientCa: ReadFile | undefined
  readonly clientCrl: ReadFile | undefined
}

async function readFiles({ certificate, key, clientCa, clientCrl }: Paths): Promise<Files> {
  const read = async (path: string): Promise<ReadFile> => {
    try {
      return { path, content: await readFile(path) }
    } catch (error) {
      return { path, content: messageOf(error) }
    }
  }
  return {
    certificate: await read(certificate),
    key: await read(key),
    clientCa: clientCa === undefined ? undefined : await read(clientCa),
    clientCrl: clientCrl === undefined ? undefined : await read(clientCrl),
  }
}

/** Two reads that found the same have the same fingerprint. */
function fingerprintOf({ certificate, key, clientCa, clientCrl }: Files): string {
  const contents = [certificate, key, clientCa, clientCrl].map((file) => file?.content ?? '')
  return JSON.stringify(contents.map((content) => (typeof content === 'string' ? content : content.toString('base64'))))
}

type Judgement =
  | { readonly ok: true; readonly material: TlsMaterial }
  | { readonly ok: false; readonly problems: readonly string[] }

/** Finds all that is wrong with the files. OpenSSL would tell it in its own words, and only when a client connects. */
async function judge(files: Files): Promise<Judgement> {
  const problems: string[] = []
  const attempt = async <Value>(
    variable: string,
    file: ReadFile,
    expected: string,
    use: (content: Buffer) => Value | Promise<Value>,
  ): Promise<Value | undefined> => {
    const { path, content } = file
    try {
      if (typeof content !== 'string') return await use(content)
      problems.push(`${variable}: ${path} cannot be read (${content}); give ${expected}`)
    } catch (error) {
      problems.push(`${variable}: ${path} cannot be used (${messageOf(error)}); give ${expected}`)
    }
    return undefined
  }
  const [certVariable, keyVariable, caVariable] = [
    'IPPOOLD_TLS_CERT_FILE',
    'IPPOOLD_TLS_KEY_FILE',
    'IPPOOLD_CLIENT_CA_FILE',
  ]
  const chain = await attempt(certVariable, files.certificate, 'certificates in PEM', readCertificates)
  const key = await attempt(keyVariable, files.key, 'a private key in PEM without a passphrase', readKey)
  const [leaf] = chain?.certificates ?? []
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key.key)) {
    problems.push(
      `${certVariable}, ${keyVariable}: the key in ${files.key.path} is not that of the first certificate in ${files.certificate.path}; give both of one pair`,
    )
  }
  const ca =
    files.clientCa && (await attempt(caVariable, files.clientCa, 'certificates of CAs in PEM', readCertificates))
  const lists =
    files.clientCrl &&
    (await attempt('IPPOOLD_CLIENT_CRL_FILE', files.clientCrl, 'revocation lists of those CAs in PEM', (content) =>
      readRevocationLists(content, ca?.certificates ?? []),
    ))
  if (problems.length > 0 || chain === undefined || key === undefined) return { ok: false, problems }
  const material = { certificate: chain.pem, key: key.pem, clientCa: ca?.pem, clientCrl: lists }
  await attempt(certVariable, files.certificate, 'a certificate that OpenSSL accepts', () =>
    createSecureContext({ cert: material.certificate, key: material.key, ca: material.clientCa }),
  )
  return problems.length > 0 ? { ok: false, problems } : { ok: true, material }
}

/** Throws unless there is at least one certificate, and all can be read. */
function readCertificates(pem: Buffer): { readonly pem: Buffer; readonly certificates: readonly X509Certificate[] } {
  const certificates = certificatesIn(pem).map((one) => new X509Certificate(one))
  if (certificates.length === 0) throw new Error('there is no certificate in it')
  return { pem, certificates }
}

function certificatesIn(pem: Buffer): readonly string[] {
  return pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^]*?(-----END CERTIFICATE-----|$)/g) ?? []
}

function readKey(pem: Buffer): { readonly pem: Buffer; readonly key: KeyObject } {
  if (!pem.includes('PRIVATE KEY-----')) throw new Error('there is no private key in it')
  if (pem.includes('ENCRYPTED')) throw new Error('the key is encrypted with a passphrase')
  return { pem, key: createPrivateKey(pem) }
}

/** When the first of the certificates in a PEM file ends, in milliseconds since the epoch. The file has one at least. */
export function firstEndOf(pem: Buffer): number {
  return Math.min(...certificatesIn(pem).map((one) => new X509Certificate(one).validToDate.getTime()))
}

function expiryOf({ certificate }: TlsMaterial): number {
  return new X509Certificate(certificate).validToDate.getTime()
}

function describe({ certificate, clientCa, clientCrl }: TlsMaterial): object {
  const { subject, subjectAltName, serialNumber, validToDate } = new X509Certificate(certificate)
  return {
    subject: subject.replaceAll('\n', ', '),
    names: subjectAltName,
    serialNumber,
    notAfter: validToDate.toISOString(),
    ...(clientCa !== undefined && { clientCas: certificatesIn(clientCa).length }),
    ...(clientCrl !== undefined && { revokedCertificates: clientCrl.size }),
  }
}
