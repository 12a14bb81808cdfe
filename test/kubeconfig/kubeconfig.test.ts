import t from 'tap'
import { contextIn, mergeKubeconfigs, readKubeconfig } from '../../src/kubeconfig/index.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const nothing = {
  serverName: undefined,
  certificateAuthority: undefined,
  isInsecure: false,
  clientCertificate: undefined,
  clientKey: undefined,
  token: undefined,
  tokenFile: undefined,
  plugin: undefined,
  namespace: undefined,
}

const config = readKubeconfig('/etc/ipam/config', {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'local',
  clusters: [
    { name: 'local', cluster: { server: 'http://127.0.0.1:8080' } },
    {
      name: 'prod',
      cluster: {
        server: 'https://ipam:8443',
        'certificate-authority': 'ca.crt',
        'tls-server-name': 'ipam.example.org',
      },
    },
    { name: 'odd', cluster: { server: 'https://odd', 'insecure-skip-tls-verify': true } },
    { name: 'proxied', cluster: { server: 'https://odd', 'proxy-url': 'http://proxy' } },
    { name: 'empty', cluster: {} },
  ],
  users: [
    { name: 'alice', user: { 'client-certificate': 'alice.crt', 'client-key-data': base64('the key') } },
    { name: 'bob', user: { token: 'secret', tokenFile: '../token' } },
    {
      name: 'plugin',
      user: {
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: './get-token',
          args: ['-v', 1],
          env: [{ name: 'REGION', value: 'eu' }],
          installHint: 'Install it.',
        },
      },
    },
    { name: 'old', user: { username: 'x', password: 'y' } },
  ],
  contexts: [
    { name: 'local', context: { cluster: 'local' } },
    { name: 'prod', context: { cluster: 'prod', user: 'alice', namespace: 'blue' } },
    { name: 'bob', context: { cluster: 'odd', user: 'bob' } },
    { name: 'plugin', context: { cluster: 'local', user: 'plugin' } },
    { name: 'old', context: { cluster: 'local', user: 'old' } },
    { name: 'nobody', context: { cluster: 'local', user: 'nobody' } },
    { name: 'proxied', context: { cluster: 'proxied' } },
    { name: 'empty', context: { cluster: 'empty' } },
    { name: 'gone', context: { cluster: 'gone' } },
  ],
})

t.strictSame(contextIn(config), { ...nothing, server: 'http://127.0.0.1:8080' }, 'the current context')
t.strictSame(
  contextIn(config, 'prod'),
  {
    ...nothing,
    server: 'https://ipam:8443',
    serverName: 'ipam.example.org',
    certificateAuthority: { file: '/etc/ipam/ca.crt' },
    clientCertificate: { file: '/etc/ipam/alice.crt' },
    clientKey: { pem: 'the key' },
    namespace: 'blue',
  },
  'files are beside the configuration, and data are in it',
)
t.match(contextIn(config, 'bob'), { isInsecure: true, token: 'secret', tokenFile: '/etc/token' })
t.strictSame(contextIn(config, 'plugin').plugin, {
  apiVersion: 'client.authentication.k8s.io/v1',
  command: '/etc/ipam/get-token',
  args: ['-v', '1'],
  env: { REGION: 'eu' },
  installHint: 'Install it.',
})

const wrong: readonly (readonly [context: string, problem: RegExp])[] = [
  ['none', /no context "none"; there are: local, prod/],
  ['old', /username of the user "old" is not supported/],
  ['nobody', /no user "nobody", which the context "nobody" names/],
  ['proxied', /proxy-url is not supported/],
  ['empty', /the cluster of the context "empty" has no server/],
  ['gone', /the cluster of the context "gone" has no server/],
]
for (const [context, problem] of wrong) t.throws(() => contextIn(config, context), problem, context)

const unreadable: readonly (readonly [content: unknown, problem: RegExp])[] = [
  ['text', /is no configuration/],
  [null, /is no configuration/],
  [{ contexts: {} }, /contexts must be a list/],
  [{ users: [{ user: {} }] }, /an entry of users has no name/],
]
for (const [content, problem] of unreadable) t.throws(() => readKubeconfig('x', content), problem)

t.test('of several files, the first that names something decides', async (t) => {
  const file = (name: string, server: string, current?: string) =>
    readKubeconfig(`/${name}/config`, {
      'current-context': current,
      clusters: [{ name: 'c', cluster: { server, 'certificate-authority': 'ca' } }],
      contexts: [{ name, context: { cluster: 'c' } }],
    })
  const merged = mergeKubeconfigs([file('one', 'http://one'), file('two', 'http://two', 'two')])
  t.match(contextIn(merged), { server: 'http://one', certificateAuthority: { file: '/one/ca' } }, 'of two clusters c')
  t.equal(merged.currentContext, 'two')
  t.throws(() => contextIn(mergeKubeconfigs([file('one', 'http://one')])), /there is no current-context/)
})
