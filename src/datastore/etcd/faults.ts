import { DatastoreUnavailable } from '../faults.ts'

/** A problem between this server and etcd, and its remedy, for the person who runs the server. */
interface Explanation {
  /** Without a full stop. */
  readonly problem: string
  readonly remedy: string
}

/** Explains errors of etcd, TLS and gRPC by patterns of their texts. Each text was seen with etcd 3.4.23 and Node.js 24. */
const explanations: readonly (readonly [RegExp, Explanation])[] = [
  [
    /database space exceeded/,
    {
      problem: 'The database of etcd is full',
      remedy:
        "Raise etcd's quota, or make room: etcdctl compact, etcdctl defrag. After either, lift the alarm: etcdctl alarm disarm.",
    },
  ],
  [
    /corrupt cluster/,
    {
      problem: 'etcd is read-only, because the data of its members differ',
      remedy: 'Replace the faulty member, then lift the alarm: etcdctl alarm disarm.',
    },
  ],
  [
    /permission denied/,
    {
      problem: "etcd's user lacks a right that ippoold needs",
      remedy: 'The log and the readiness of the server name the keys: grant the right to a role of the user.',
    },
  ],
  [
    /user name is empty/,
    {
      problem: 'etcd asks for a user',
      remedy: 'Set ETCD_USERNAME and ETCD_PASSWORD.',
    },
  ],
  [
    /invalid user ID or password/,
    {
      problem: 'etcd does not accept the user or the password',
      remedy: 'Correct ETCD_USERNAME and ETCD_PASSWORD.',
    },
  ],
  [
    /authentication is not enabled/,
    {
      problem: 'etcd knows no users',
      remedy: 'Remove ETCD_USERNAME and ETCD_PASSWORD, or enable the users: etcdctl auth enable.',
    },
  ],
  [
    /unable to verify the first certificate|unable to get (local )?issuer certificate|self-signed certificate/,
    {
      problem: "etcd's certificate is not signed by a CA that this server trusts",
      remedy: 'Set ETCD_CA_CERT_FILE to the certificates of the CA that signed it.',
    },
  ],
  [
    /does not match certificate's altnames/,
    {
      problem: "etcd's certificate is for another host than ETCD_ENDPOINTS names",
      remedy: 'In ETCD_ENDPOINTS, use a name or an address that the certificate contains.',
    },
  ],
  [
    /certificate has expired|certificate is not yet valid/,
    {
      problem: "etcd's certificate has expired, or is not valid yet",
      remedy: 'Renew it, or set the clock of this machine.',
    },
  ],
  [
    /alert (bad certificate|certificate required|unknown ca|certificate unknown|certificate expired|unsupported certificate)/,
    {
      problem: 'etcd asks for a client certificate that it accepts',
      remedy: 'Set ETCD_CERT_FILE and ETCD_KEY_FILE to a valid certificate of the CA that etcd trusts, and to its key.',
    },
  ],
  [
    // Which of these it is depends on what arrives first.
    /Last error: (Failed to connect|Error: read ECONNRESET)|before secure TLS connection|wrong version number/,
    {
      problem: 'etcd ends the connection at once',
      remedy: 'In ETCD_ENDPOINTS, write https:// if it serves with TLS, and http:// if it does not.',
    },
  ],
]

/** Explains an error of etcd, TLS or gRPC. `text` has the problem and the remedy. Undefined if it tells nothing that a person could do. */
export function explain({ message }: Error): (Explanation & { readonly text: string }) | undefined {
  const explanation = explanations.find(([pattern]) => pattern.test(message))?.[1]
  return explanation && { ...explanation, text: `${explanation.problem}. ${explanation.remedy}` }
}

/** The operation did not reach etcd. */
export function unreachable(cause: Error): DatastoreUnavailable {
  return unavailable(cause, { problem: 'etcd cannot be reached', remedy: 'Try again.' })
}

/** etcd did not answer. */
export function unanswered(cause: Error): DatastoreUnavailable {
  return unavailable(cause, { problem: 'etcd does not answer', remedy: 'Try again.' })
}

/** etcd refused the operation. */
export function refusedByEtcd(cause: Error): DatastoreUnavailable {
  return unavailable(cause, { problem: 'etcd refused the call', remedy: '' })
}

/** Explains `cause`, or says `otherwise` if it needs no explanation. */
function unavailable(cause: Error, otherwise: Explanation): DatastoreUnavailable {
  const { problem, remedy } = explain(cause) ?? otherwise
  return new DatastoreUnavailable('ServiceUnavailable', `${problem}; nothing was changed. ${remedy}`.trim(), { cause })
}

/** Returns what was thrown as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
