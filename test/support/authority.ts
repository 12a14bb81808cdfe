import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from './etcd.ts'
import type { Scope } from './scope.ts'

/** The files of a certificate, in PEM. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** What a certificate is for. */
export interface CertificateWishes {
  /** The common name. */
  readonly name: string
  readonly organizations?: readonly string[]
  /** Names and addresses of the server, such as `DNS:localhost`; without them, it is the certificate of a client. */
  readonly hosts?: readonly string[]
  /** Default: in 90 days. */
  readonly endsAt?: Date
}

const dayMs = 24 * 3_600_000

/** A certification authority that exists for a test, made by openssl. */
export class Authority {
  readonly #folder: string
  #count = 0

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async create(t: Scope, name = 'ippoold test CA'): Promise<Authority> {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'index.txt'), '')
    await writeFile(join(folder, 'openssl.cnf'), settings)
    const authority = new Authority(folder)
    const [request, subject] = [newKey(authority.key), `/CN=${name}`]
    await authority.#openssl(['req', '-x509', ...request, '-days', '90', '-subj', subject, '-out', authority.file])
    return authority
  }

  /** Its own certificate. */
  get file(): string {
    return join(this.#folder, 'ca.pem')
  }

  get key(): string {
    return join(this.#folder, 'ca.key')
  }

  /** Its own certificate in PEM. */
  get pem(): string {
    return readFileSync(this.file, 'utf8')
  }

  /** Makes a key, and a certificate for it. */
  async sign({ name, organizations = [], hosts, endsAt }: CertificateWishes): Promise<CertificateFiles> {
    this.#count += 1
    const file = (suffix: string): string => join(this.#folder, `${this.#count}.${suffix}`)
    const [certificate, key, request, extensions] = [file('pem'), file('key'), file('csr'), file('ext')]
    const subject = [...organizations.map((organization) => `/O=${organization}`), `/CN=${name}`].join('')
    await this.#openssl(['req', ...newKey(key), '-subj', subject, '-out', request])
    const usage = hosts === undefined ? 'clientAuth' : `serverAuth\nsubjectAltName=${hosts.join(',')}`
    await writeFile(extensions, `extendedKeyUsage=${usage}\n`)
    const until = endsAt ?? new Date(Date.now() + 90 * dayMs)
    const dates = ['-startdate', timeOf(new Date(until.getTime() - 365 * dayMs)), '-enddate', timeOf(until)]
    const signer = ['-config', 'openssl.cnf', '-cert', this.file, '-keyfile', this.key]
    const files = ['-in', request, '-extfile', extensions, '-out', certificate]
    await this.#openssl(['ca', '-batch', '-notext', '-preserveDN', ...signer, ...dates, ...files])
    return { certificate, key }
  }

  /** Makes another certificate for itself, with the same name and key. Returns it in PEM; {@link pem} stays as it is. */
  async renew(): Promise<string> {
    const file = join(this.#folder, 'renewed.pem')
    const subject = ['-subj', `/CN=${new X509Certificate(this.pem).subject.replace('CN=', '')}`]
    await this.#openssl(['req', '-x509', '-new', '-key', this.key, ...subject, '-days', '180', '-out', file])
    return readFileSync(file, 'utf8')
  }

  /** Revokes certificates that it has signed. Returns its list of all that were revoked, in PEM; it is out of date after `seconds`. */
  async revoke(certificates: readonly CertificateFiles[], seconds = 86_400): Promise<string> {
    const signer = ['-config', 'openssl.cnf', '-cert', this.file, '-keyfile', this.key]
    for (const { certificate } of certificates) await this.#openssl(['ca', ...signer, '-revoke', certificate])
    const list = join(this.#folder, 'crl.pem')
    await this.#openssl(['ca', ...signer, '-gencrl', '-crlsec', String(seconds), '-out', list])
    return readFileSync(list, 'utf8')
  }

  async #openssl(args: readonly string[]): Promise<void> {
    await promisify(execFile)('openssl', args, { cwd: this.#folder })
  }
}

const settings = `
[ca]
default_ca=own
[own]
database=index.txt
new_certs_dir=.
default_md=sha256
policy=any
rand_serial=yes
unique_subject=no
[any]
commonName=optional
organizationName=optional
`

function newKey(file: string): readonly string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file]
}

/** As openssl wants it. */
function timeOf(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`
}
