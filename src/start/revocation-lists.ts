import type { X509Certificate } from 'node:crypto'

/** The content of lists of revoked certificates (RFC 5280 section 5). */
export interface RevocationLists {
  /** Revoked certificates on the lists. */
  readonly size: number
  /** The time at which the first list is out of date, in milliseconds since the epoch; Infinity if none has such a time. */
  readonly endsAt: number
  /** True if a certificate is on the list of its CA. `issuer` is the SHA-256 fingerprint of the CA, the serial number is in hex. */
  isRevoked(issuer: string, serialNumber: string): boolean
}

/**
 * Reads lists of revoked certificates in PEM. Throws if one cannot be read, or is not signed by one of the CAs: a forged list could let
 * revoked certificates in again. Certificates on a list that is out of date stay revoked.
 */
export async function readRevocationLists(
  pem: Buffer,
  authorities: readonly X509Certificate[],
): Promise<RevocationLists> {
  // Needed only if there are lists: it takes longer to load than to read them.
  const { Certificate, CertificateRevocationList } = await import('pkijs')
  const texts = pem.toString('latin1').match(/-----BEGIN X509 CRL-----[^]*?(-----END X509 CRL-----|$)/g) ?? []
  if (texts.length === 0) throw new Error('there is no revocation list in it')
  const revoked = new Set<string>()
  let endsAt = Infinity
  for (const text of texts) {
    const list = CertificateRevocationList.fromBER(Buffer.from(text.replaceAll(/-----[^-]*-----/g, ''), 'base64'))
    // A CA may have several certificates for one key, for example while its own is renewed.
    const signers = await filter(authorities, ({ raw }) => list.verify({ issuerCertificate: Certificate.fromBER(raw) }))
    if (signers.length === 0) throw new Error('a revocation list in it is not signed by a CA of IPPOOLD_CLIENT_CA_FILE')
    for (const { userCertificate } of list.revokedCertificates ?? []) {
      const serialNumber = Buffer.from(userCertificate.valueBlock.valueHexView).toString('hex')
      for (const { fingerprint256 } of signers) revoked.add(idOf(fingerprint256, serialNumber))
    }
    endsAt = Math.min(endsAt, list.nextUpdate?.value.getTime() ?? Infinity)
  }
  return {
    size: revoked.size,
    endsAt,
    isRevoked: (issuer, serialNumber) => revoked.has(idOf(issuer, serialNumber)),
  }
}

/** Serial numbers are written with leading zeros or without. */
function idOf(issuer: string, serialNumber: string): string {
  return `${issuer} ${BigInt(`0x${serialNumber}`).toString(16)}`
}

/** A CA whose key does not fit the signature may make the check throw. */
async function filter<Item>(items: readonly Item[], test: (item: Item) => Promise<boolean>): Promise<readonly Item[]> {
  const verdicts = await Promise.all(items.map((item) => test(item).catch(() => false)))
  return items.filter((_, index) => verdicts[index])
}
