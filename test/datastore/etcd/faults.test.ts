import t from 'tap'
import { explain } from '../../../src/datastore/etcd/faults.ts'

/** An error of gRPC that there was no connection, for the reason `last`. */
const unconnected = (last: string): string =>
  `14 UNAVAILABLE: No connection established. Last error: ${last}. Resolution note: `

// Each text was answered by etcd 3.4.23, or by Node.js 24 or gRPC about a connection to it.
t.test('errors of etcd, TLS and gRPC are explained by what a person can do about them', (t) => {
  const unverified =
    'Error: unable to verify the first certificate; if the root CA is installed locally, try running Node.js'
  const alert = (text: string): string =>
    unconnected(
      `403DEC9D4E7F0000:error:0A000412:SSL routines:ssl3_read_bytes:${text}:../deps/openssl/rec_layer_s3.c:918`,
    )
  const cases = [
    ['8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded', 'etcdctl compact'],
    ['15 DATA_LOSS: etcdserver: corrupt cluster', 'etcdctl alarm disarm'],
    ['7 PERMISSION_DENIED: etcdserver: permission denied', 'grant'],
    ['3 INVALID_ARGUMENT: etcdserver: user name is empty', 'Set ETCD_USERNAME and ETCD_PASSWORD'],
    ['3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password', 'Correct ETCD_USERNAME'],
    ['9 FAILED_PRECONDITION: etcdserver: authentication is not enabled', 'Remove ETCD_USERNAME'],
    [unconnected(unverified), 'ETCD_CA_CERT_FILE'],
    [unconnected('Error: self-signed certificate in certificate chain'), 'ETCD_CA_CERT_FILE'],
    [unconnected('Error: unable to get local issuer certificate'), 'ETCD_CA_CERT_FILE'],
    [
      unconnected("Error: Hostname/IP does not match certificate's altnames: IP: 10.0.0.1 is not in the list"),
      'ETCD_ENDPOINTS',
    ],
    [unconnected('Error: certificate has expired'), 'Renew'],
    [alert('ssl/tls alert bad certificate'), 'ETCD_CERT_FILE'],
    [alert('tlsv13 alert certificate required'), 'ETCD_CERT_FILE'],
    [alert('tlsv1 alert unknown ca'), 'ETCD_CERT_FILE'],
    [alert('wrong version number'), 'ETCD_ENDPOINTS'],
    [
      unconnected('Error: Client network socket disconnected before secure TLS connection was established'),
      'ETCD_ENDPOINTS',
    ],
    [unconnected('Error: read ECONNRESET'), 'ETCD_ENDPOINTS'],
    [unconnected('Failed to connect (2026-11-30T06:09:07.325Z)'), 'ETCD_ENDPOINTS'],
  ] as const
  for (const [message, remedy] of cases) t.match(explain(new Error(message))?.remedy, remedy, message)
  for (const message of [
    unconnected('Error: connect ECONNREFUSED 127.0.0.1:1'),
    '14 UNAVAILABLE: etcdserver: leader changed',
    '4 DEADLINE_EXCEEDED: Deadline exceeded after 3.000s',
  ]) {
    t.equal(explain(new Error(message)), undefined, message)
  }
  t.end()
})
