import { readFile } from 'node:fs/promises'
import type { EtcdConnection } from '../datastore/etcd/index.ts'
import { endpointOf, recallMember } from '../embedded-etcd/index.ts'
import { BackupFailure, messageOf } from './failure.ts'

/** How to reach etcd. */
export type Connection = EtcdConnection

/** The flags that say which etcd it is; the settings of ippoold with these names mean the same. */
export interface ConnectionFlags {
  readonly etcdEndpoints?: string | undefined
  readonly etcdCaCertFile?: string | undefined
  readonly etcdCertFile?: string | undefined
  readonly etcdKeyFile?: string | undefined
  readonly etcdUsername?: string | undefined
  readonly etcdPassword?: string | undefined
  /** Of the embedded etcd. */
  readonly dataDir: string
}

/** Makes a connection of flags: to an external etcd, or to the embedded one of a data directory. Throws a {@link BackupFailure}. */
export async function connectionOf(flags: ConnectionFlags): Promise<Connection> {
  if (flags.etcdEndpoints === undefined) return embeddedConnection(flags.dataDir)
  const endpoints = flags.etcdEndpoints.split(',').map((text) => readEndpoint(text.trim()))
  const read = async (flag: string, path: string | undefined): Promise<Buffer | undefined> => {
    try {
      return path === undefined ? undefined : await readFile(path)
    } catch (error) {
      throw new BackupFailure('flags', `${flag}: ${path} cannot be read (${messageOf(error)}); give a PEM file`)
    }
  }
  return {
    endpoints,
    ca: await read('--etcd-ca-cert-file', flags.etcdCaCertFile),
    certificate: await read('--etcd-cert-file', flags.etcdCertFile),
    key: await read('--etcd-key-file', flags.etcdKeyFile),
    user: flags.etcdUsername,
    password: flags.etcdPassword,
  }
}

function readEndpoint(text: string): string {
  // etcd3 knows only lower-case schemes.
  const endpoint = text.replace(/^https?:/i, (scheme) => scheme.toLowerCase())
  if (/^https?:\/\/[^/\s]+:\d+$/.test(endpoint)) return endpoint
  throw new BackupFailure(
    'flags',
    `--etcd-endpoints: ${JSON.stringify(text)} is not valid; give URLs such as https://etcd-1:2379`,
  )
}

async function embeddedConnection(dataDir: string): Promise<Connection> {
  const member = await recallMember(dataDir)
  if (member !== undefined) return { endpoints: [endpointOf(member)] }
  throw new BackupFailure(
    'flags',
    `There is no embedded etcd in ${dataDir}; give its data directory by --data-dir, or an external etcd by --etcd-endpoints`,
  )
}
