import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { badSettings, messageOf } from './failure.ts'
import { type CertificateEnds, firstEndOf } from './tls-files.ts'

/** The settings for the connection to an external etcd: paths of PEM files, and a user. */
export interface CredentialSettings {
  readonly etcdCaFile: string | undefined
  readonly etcdCertFile: string | undefined
  readonly etcdKeyFile: string | undefined
  readonly etcdUser: string | undefined
  readonly etcdPassword: string | undefined
}

/** The credentials for an external etcd: the contents of PEM files, and a user. */
export interface EtcdCredentials {
  readonly ca: Buffer | undefined
  readonly certificate: Buffer | undefined
  readonly key: Buffer | undefined
  readonly user: string | undefined
  readonly password: string | undefined
}

/** Reads the credentials for an external etcd. Throws a `StartFailure` that names all files which cannot be read or used. */
export async function readCredentials(settings: CredentialSettings): Promise<EtcdCredentials> {
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
  const ca = await read('ETCD_CA_CERT_FILE', settings.etcdCaFile)
  const certificate = await read('ETCD_CERT_FILE', settings.etcdCertFile)
  const key = await read('ETCD_KEY_FILE', settings.etcdKeyFile)
  problems.push(...findTlsProblems({ ca, certificate, key }))
  if (problems.length > 0) throw badSettings(problems)
  return { ca, certificate, key, user: settings.etcdUser, password: settings.etcdPassword }
}

/** When the client certificate for etcd ends, in milliseconds since the epoch. */
export function endsOf({ certificate }: Pick<EtcdCredentials, 'certificate'>): CertificateEnds {
  return certificate === undefined ? {} : { etcd_client: firstEndOf(certificate) }
}

/** Finds what is wrong with the contents of the files: gRPC would report it late, as an error of the connection, or not at all. */
function findTlsProblems({ ca, certificate, key }: Pick<EtcdCredentials, 'ca' | 'certificate' | 'key'>): string[] {
  const problems: string[] = []
  const attempt = (settings: string, expected: string, use: () => unknown): void => {
    try {
      use()
    } catch (error) {
      problems.push(`${settings}: cannot be used (${messageOf(error)}); give ${expected}`)
    }
  }
  if (ca !== undefined) attempt('ETCD_CA_CERT_FILE', 'certificates in PEM', () => new X509Certificate(ca))
  if (certificate !== undefined && key !== undefined) {
    attempt('ETCD_CERT_FILE, ETCD_KEY_FILE', 'a certificate in PEM and its key without a passphrase', () =>
      createSecureContext({ cert: certificate, key }),
    )
  }
  return problems
}
