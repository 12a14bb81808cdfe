import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { closed, oneOf } from './fields.ts'

/** The server is alive or ready. */
export const HealthResponse = Type.Object(
  {
    status: Type.Literal('ok'),
    checks: Type.Array(
      Type.Object({ name: Type.String(), message: Type.String() }, { ...closed, title: 'HealthCheck' }),
      {
        description: 'The checks and their results.',
      },
    ),
  },
  {
    ...closed,
    $id: 'Health',
    description: 'The server is alive or ready.',
    examples: [{ status: 'ok', checks: [{ name: 'etcd', message: 'answers' }] }],
  },
)
export type HealthResponse = Static<typeof HealthResponse>

/** Versions, in the fields that Kubernetes' clients read. */
export const VersionResponse = Type.Object(
  {
    ippooldVersion: Type.String({ description: 'The version of this server.' }),
    missingProtections: Type.Array(oneOf(['tls', 'authentication'], { title: 'Protection', prefix: 'Protection_' }), {
      description: 'The protections that the settings of this server switch off, although other machines can reach it.',
    }),
    etcdVersions: Type.Array(Type.String(), {
      description:
        'The version of each etcd member, in the order of the endpoints; `unreachable` for a member that does not answer.',
    }),
    major: Type.String({ description: 'Version of the Kubernetes API conventions that the resources follow.' }),
    minor: Type.String({ description: 'Version of the Kubernetes API conventions that the resources follow.' }),
    gitVersion: Type.String(),
    gitCommit: Type.String(),
    gitTreeState: Type.String(),
    buildDate: Type.String({ format: 'date-time' }),
    goVersion: Type.String(),
    compiler: Type.String(),
    platform: Type.String(),
  },
  {
    ...closed,
    $id: 'Version',
    description: 'The versions of this server, of etcd, and of the Kubernetes API conventions that it follows.',
    examples: [
      {
        ippooldVersion: '0.1.0',
        missingProtections: [],
        etcdVersions: ['3.5.16'],
        major: '1',
        minor: '34',
        gitVersion: 'v1.34.0',
        gitCommit: '',
        gitTreeState: '',
        buildDate: '1970-01-01T00:00:00Z',
        goVersion: '',
        compiler: '',
        platform: 'linux/amd64',
      },
    ],
  },
)
export type VersionResponse = Static<typeof VersionResponse>
