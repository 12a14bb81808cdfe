import t from 'tap'
import { helpText, missingProtections, parseConfig, type Config, type Protection } from '../src/config.ts'
import { flagOf, settings } from '../src/settings.ts'

type Variables = Readonly<Record<string, string>>

function configOf(argv: readonly string[], environment: Variables = {}): Config {
  const parsed = parseConfig(argv, environment)
  if (parsed.ok && parsed.action === 'serve') return parsed.config
  throw new Error(`There is no configuration: ${JSON.stringify(parsed)}`)
}

function problemsOf(argv: readonly string[], environment: Variables = {}): readonly string[] {
  const parsed = parseConfig(argv, environment)
  return parsed.ok ? [] : parsed.problems
}

t.test('without settings the server is for this machine alone, with an embedded etcd', async (t) => {
  t.strictSame(configOf([]), {
    host: '127.0.0.1',
    port: 8080,
    socket: undefined,
    socketMode: 0o600,
    tlsCertFile: undefined,
    tlsKeyFile: undefined,
    clientCaFile: undefined,
    clientCrlFile: undefined,
    insecureHttp: false,
    insecureNoAuth: false,
    healthPort: undefined,
    listenBacklog: 4_096,
    drainMs: 0,
    allowedHosts: [],
    allowedOrigins: [],
    tokenFile: undefined,
    authConfigFile: undefined,
    accessTokens: undefined,
    anonymous: undefined,
    ui: true,
    uiOidcClientId: undefined,
    uiOidcScopes: 'openid profile email',
    dataDir: '.data',
    cacheDir: undefined,
    etcdBinary: undefined,
    etcdEndpoints: [],
    etcdCaFile: undefined,
    etcdCertFile: undefined,
    etcdKeyFile: undefined,
    etcdUser: undefined,
    etcdPassword: undefined,
    logLevel: 'info',
    metricsNodes: true,
    auditLog: undefined,
    auditPolicyFile: undefined,
    auditLogMaxSize: 100,
    auditLogMaxBackups: 0,
    auditLogMaxAge: 0,
    auditWhenFull: 'block',
    bodyLimitBytes: 1_048_576,
    requestTimeoutMs: 10_000,
    answerRetentionSeconds: 86_400,
    queueLimit: 4_096,
    batchOperationsMax: 128,
    batchesInFlight: 4,
    upkeepIntervalSeconds: 60,
    checkIntervalSeconds: 3_600,
    upkeepGraceSeconds: 900,
  })
})

t.test('every setting is a variable and a flag', async (t) => {
  const cluster = { ETCD_ENDPOINTS: 'https://etcd:2379', ETCD_CERT_FILE: 'cert', ETCD_KEY_FILE: 'key' }
  const tls = { IPPOOLD_TLS_CERT_FILE: 'cert', IPPOOLD_TLS_KEY_FILE: 'key' }
  const users = { ETCD_USERNAME: 'root', ETCD_PASSWORD: 'secret' }
  const files = { IPPOOLD_CLIENT_CA_FILE: 'ca', IPPOOLD_SOCKET: 'socket', IPPOOLD_AUDIT_LOG: 'log' }
  const together: Variables = { ...cluster, ...users, ...tls, ...files, IPPOOLD_HOST: '::1' }
  // These contradict some of the others.
  const alone: Variables = { IPPOOLD_HOST: '::1' }
  const rows: [variable: string, text: string, name: keyof Config, value: unknown, beside?: Variables][] = [
    ['IPPOOLD_HOST', 'localhost', 'host', 'localhost'],
    ['IPPOOLD_PORT', '0', 'port', 0],
    ['IPPOOLD_SOCKET', '/run/s', 'socket', '/run/s'],
    ['IPPOOLD_SOCKET_MODE', '0660', 'socketMode', 0o660],
    ['IPPOOLD_TLS_CERT_FILE', 'c.pem', 'tlsCertFile', 'c.pem'],
    ['IPPOOLD_TLS_KEY_FILE', 'k.pem', 'tlsKeyFile', 'k.pem'],
    ['IPPOOLD_CLIENT_CA_FILE', 'ca.pem', 'clientCaFile', 'ca.pem'],
    ['IPPOOLD_CLIENT_CRL_FILE', 'crl.pem', 'clientCrlFile', 'crl.pem'],
    ['IPPOOLD_INSECURE_HTTP', 'true', 'insecureHttp', true, alone],
    ['IPPOOLD_INSECURE_NO_AUTH', 'true', 'insecureNoAuth', true, alone],
    ['IPPOOLD_HEALTH_PORT', '0', 'healthPort', 0],
    ['IPPOOLD_LISTEN_BACKLOG', '128', 'listenBacklog', 128],
    ['IPPOOLD_DRAIN_MS', '500', 'drainMs', 500],
    [
      'IPPOOLD_ALLOWED_HOSTS',
      'Ipam.Example.org, [fd00::1],10.0.0.1',
      'allowedHosts',
      ['ipam.example.org', 'fd00::1', '10.0.0.1'],
    ],
    [
      'IPPOOLD_ALLOWED_ORIGINS',
      'https://A.example, http://b:81/',
      'allowedOrigins',
      ['https://a.example', 'http://b:81'],
    ],
    ['IPPOOLD_TOKEN_FILE', 'tokens.csv', 'tokenFile', 'tokens.csv'],
    ['IPPOOLD_AUTH_CONFIG_FILE', 'auth.yaml', 'authConfigFile', 'auth.yaml'],
    ['IPPOOLD_ACCESS_TOKENS', 'false', 'accessTokens', false],
    ['IPPOOLD_ANONYMOUS', 'true', 'anonymous', true],
    ['IPPOOLD_UI', 'false', 'ui', false],
    [
      'IPPOOLD_UI_OIDC_CLIENT_ID',
      'page',
      'uiOidcClientId',
      'page',
      { IPPOOLD_AUTH_CONFIG_FILE: 'authentication.yaml' },
    ],
    ['IPPOOLD_UI_OIDC_SCOPES', 'openid groups', 'uiOidcScopes', 'openid groups'],
    ['IPPOOLD_DATA_DIR', 'data', 'dataDir', 'data'],
    ['IPPOOLD_CACHE_DIR', 'cache', 'cacheDir', 'cache'],
    ['IPPOOLD_ETCD_BINARY', 'bin/etcd', 'etcdBinary', 'bin/etcd'],
    ['ETCD_ENDPOINTS', 'https://a:1, https://[::1]:2/', 'etcdEndpoints', ['https://a:1', 'https://[::1]:2']],
    ['ETCD_CA_CERT_FILE', 'ca.pem', 'etcdCaFile', 'ca.pem'],
    ['ETCD_CERT_FILE', 'cert.pem', 'etcdCertFile', 'cert.pem'],
    ['ETCD_KEY_FILE', 'key.pem', 'etcdKeyFile', 'key.pem'],
    ['ETCD_USERNAME', 'ippoold', 'etcdUser', 'ippoold'],
    ['ETCD_PASSWORD', ' a b ', 'etcdPassword', ' a b '],
    ['IPPOOLD_LOG_LEVEL', 'debug', 'logLevel', 'debug'],
    ['IPPOOLD_METRICS_NODES', 'false', 'metricsNodes', false],
    ['IPPOOLD_AUDIT_LOG', '-', 'auditLog', '-'],
    ['IPPOOLD_AUDIT_POLICY_FILE', 'policy.yaml', 'auditPolicyFile', 'policy.yaml'],
    ['IPPOOLD_AUDIT_LOG_MAX_SIZE', '1', 'auditLogMaxSize', 1],
    ['IPPOOLD_AUDIT_LOG_MAX_BACKUPS', '5', 'auditLogMaxBackups', 5],
    ['IPPOOLD_AUDIT_LOG_MAX_AGE', '30', 'auditLogMaxAge', 30],
    ['IPPOOLD_AUDIT_WHEN_FULL', 'drop', 'auditWhenFull', 'drop'],
    ['IPPOOLD_BODY_LIMIT_BYTES', '2048', 'bodyLimitBytes', 2_048],
    ['IPPOOLD_REQUEST_TIMEOUT_MS', '500', 'requestTimeoutMs', 500],
    ['IPPOOLD_ANSWER_RETENTION_SECONDS', '60', 'answerRetentionSeconds', 60],
    ['IPPOOLD_QUEUE_LIMIT', '1', 'queueLimit', 1],
    ['IPPOOLD_BATCH_OPERATIONS_MAX', '1', 'batchOperationsMax', 1],
    ['IPPOOLD_BATCHES_IN_FLIGHT', '64', 'batchesInFlight', 64],
    ['IPPOOLD_UPKEEP_INTERVAL_SECONDS', '0', 'upkeepIntervalSeconds', 0],
    ['IPPOOLD_CHECK_INTERVAL_SECONDS', '0', 'checkIntervalSeconds', 0],
    ['IPPOOLD_UPKEEP_GRACE_SECONDS', '60', 'upkeepGraceSeconds', 60],
  ]
  t.strictSame(
    rows.map(([variable]) => variable).toSorted(),
    Object.values(settings)
      .map(({ variable }) => variable)
      .toSorted(),
    'no setting is left out here',
  )
  for (const [variable, text, name, value, beside = together] of rows) {
    const flag = flagOf({ variable })
    t.strictSame(configOf([], { ...beside, [variable]: text })[name], value, variable)
    t.strictSame(configOf([`--${flag}=${text}`], beside)[name], value, `--${flag}=value`)
    t.strictSame(configOf([`--${flag}`, text], beside)[name], value, `--${flag} value`)
  }
})

t.test(
  'a flag wins over the variable, the last flag over the one before, and an empty text means the default',
  async (t) => {
    t.equal(configOf(['--port=1'], { IPPOOLD_PORT: '2' }).port, 1)
    t.equal(configOf(['--port=1', '--port=3'], { IPPOOLD_PORT: '2' }).port, 3)
    t.equal(configOf(['--port='], { IPPOOLD_PORT: '2' }).port, 8080)
    t.equal(configOf([], { IPPOOLD_PORT: '' }).port, 8080)
    t.strictSame(configOf(['--etcd-endpoints='], { ETCD_ENDPOINTS: 'http://a:1' }).etcdEndpoints, [])
    t.equal(configOf(['--port=1'], { IPPOOLD_PORT: 'wrong' }).port, 1, 'what does not count need not be right')
  },
)

t.test('a value that is wrong is named, beside its neighbour that is right', async (t) => {
  const rows: [variable: string, right: readonly string[], wrong: readonly string[]][] = [
    ['IPPOOLD_HOST', ['127.0.0.1', '127.255.0.9', '::1', 'localhost'], ['127.0.0', '[::1]', 'local host', '-a', 'a:1']],
    [
      'IPPOOLD_PORT',
      ['0', '65535', '0080'],
      ['65536', '-1', '1.5', '0x50', ' 80', '1e3', 'http', '99999999999', 'None'],
    ],
    ['IPPOOLD_INSECURE_HTTP', ['true', 'false'], ['yes', '1', 'TRUE']],
    ['IPPOOLD_INSECURE_NO_AUTH', ['true', 'false'], ['yes', '1', 'TRUE']],
    [
      'IPPOOLD_ALLOWED_HOSTS',
      ['*', 'a,b.c', 'fd00::1', '[::1]', 'my_host', 'a.'],
      ['a:80', 'http://a', 'a,,b', '*.a', 'a b'],
    ],
    [
      'IPPOOLD_ALLOWED_ORIGINS',
      ['http://a', 'https://a.b:8443', 'http://[::1]:3000', 'https://a/'],
      ['a', '*', 'null', 'https://a/b', 'ftp://a', 'https://a?b'],
    ],
    ['IPPOOLD_SOCKET_MODE', ['0600', '666', '0777'], ['600x', '0o600', '01777', '8', '0688']],
    ['IPPOOLD_AUDIT_WHEN_FULL', ['block', 'drop'], ['wait', 'Block']],
    ['IPPOOLD_LOG_LEVEL', ['silent', 'trace', 'fatal'], ['verbose', 'INFO']],
    ['IPPOOLD_BODY_LIMIT_BYTES', ['1024', '16777216'], ['1023', '16777217', '1MiB']],
    ['IPPOOLD_REQUEST_TIMEOUT_MS', ['100', '600000'], ['99', '600001', '10s']],
    ['IPPOOLD_ANSWER_RETENTION_SECONDS', ['1', '31536000'], ['0', '31536001']],
    ['IPPOOLD_QUEUE_LIMIT', ['1', '1000000'], ['0', '1000001']],
    ['IPPOOLD_BATCH_OPERATIONS_MAX', ['1', '128'], ['0', '129']],
    ['IPPOOLD_BATCHES_IN_FLIGHT', ['1', '64'], ['0', '65']],
    ['IPPOOLD_UPKEEP_INTERVAL_SECONDS', ['0', '86400'], ['-1', '86401']],
    ['IPPOOLD_UPKEEP_GRACE_SECONDS', ['0', '31536000'], ['-1', '31536001']],
    [
      'ETCD_ENDPOINTS',
      ['http://a:1', 'https://a.b-c.d:65535/', 'http://[fd00::1]:2379', 'http://a:1,http://10.0.0.1:2'],
      [
        'a:2379',
        'http://a',
        'http://a:0',
        'http://a:65536',
        'http://a:1/v3',
        'http://a:1,',
        'ftp://a:1',
        'http://[1:2]:3',
      ],
    ],
  ]
  t.ok(rows.length > 0)
  for (const [variable, right, wrong] of rows) {
    for (const text of right) t.strictSame(problemsOf([], { [variable]: text }), [], `${variable}=${text} is right`)
    for (const text of wrong) {
      const problems = problemsOf([], { [variable]: text })
      t.equal(problems.length, 1, `${variable}=${text} is wrong`)
      t.ok(problems[0]?.startsWith(`${variable}: ${JSON.stringify(text)} is not valid; give `), problems[0] ?? variable)
      const flag = `--${flagOf({ variable })}`
      t.ok(problemsOf([`${flag}=${text}`])[0]?.startsWith(`${flag}: `), 'a flag is named as a flag')
    }
  }
})

t.test('settings that do not go together are named, beside neighbours that do', async (t) => {
  const https = { ETCD_ENDPOINTS: 'https://a:1' }
  const http = { ETCD_ENDPOINTS: 'http://a:1' }
  const tls = { IPPOOLD_TLS_CERT_FILE: 'cert', IPPOOLD_TLS_KEY_FILE: 'key' }
  const rows: [variables: Variables, named: string | undefined][] = [
    [{ IPPOOLD_TLS_CERT_FILE: 'cert' }, 'IPPOOLD_TLS_CERT_FILE, IPPOOLD_TLS_KEY_FILE'],
    [{ IPPOOLD_TLS_KEY_FILE: 'key' }, 'IPPOOLD_TLS_CERT_FILE, IPPOOLD_TLS_KEY_FILE'],
    [tls, undefined],
    [{ IPPOOLD_CLIENT_CA_FILE: 'ca' }, 'IPPOOLD_CLIENT_CA_FILE'],
    [{ ...tls, IPPOOLD_CLIENT_CA_FILE: 'ca' }, undefined],
    [{ ...tls, IPPOOLD_CLIENT_CRL_FILE: 'crl' }, 'IPPOOLD_CLIENT_CRL_FILE'],
    [{ IPPOOLD_UI_OIDC_CLIENT_ID: 'page' }, 'IPPOOLD_UI_OIDC_CLIENT_ID'],
    [{ IPPOOLD_UI_OIDC_CLIENT_ID: 'page', IPPOOLD_AUTH_CONFIG_FILE: 'file' }, undefined],
    [{ ...tls, IPPOOLD_CLIENT_CA_FILE: 'ca', IPPOOLD_CLIENT_CRL_FILE: 'crl' }, undefined],
    [{ IPPOOLD_PORT: 'none' }, 'IPPOOLD_PORT'],
    [{ IPPOOLD_PORT: 'none', IPPOOLD_SOCKET: 'socket' }, undefined],
    [{ ...tls, IPPOOLD_PORT: 'none', IPPOOLD_SOCKET: 'socket' }, 'IPPOOLD_TLS_CERT_FILE'],
    [{ IPPOOLD_SOCKET: 'socket', IPPOOLD_SOCKET_MODE: '0666' }, undefined],
    [{ ...tls, IPPOOLD_INSECURE_HTTP: 'true' }, 'IPPOOLD_INSECURE_HTTP'],
    [{ ...tls, IPPOOLD_CLIENT_CA_FILE: 'ca', IPPOOLD_INSECURE_NO_AUTH: 'true' }, 'IPPOOLD_INSECURE_NO_AUTH'],
    [{ ...https, ETCD_CERT_FILE: 'cert' }, 'ETCD_CERT_FILE, ETCD_KEY_FILE'],
    [{ ...https, ETCD_KEY_FILE: 'key' }, 'ETCD_CERT_FILE, ETCD_KEY_FILE'],
    [{ ...https, ETCD_CERT_FILE: 'cert', ETCD_KEY_FILE: 'key' }, undefined],
    [{ ...http, ETCD_USERNAME: 'root' }, 'ETCD_USERNAME, ETCD_PASSWORD'],
    [{ ...http, ETCD_PASSWORD: 'secret' }, 'ETCD_USERNAME, ETCD_PASSWORD'],
    [{ ...http, ETCD_USERNAME: 'root', ETCD_PASSWORD: 'secret' }, undefined],
    [{ ETCD_ENDPOINTS: 'http://a:1,https://b:1' }, 'ETCD_ENDPOINTS'],
    [{ ETCD_ENDPOINTS: 'http://a:1,http://b:1' }, undefined],
    [{ ETCD_CA_CERT_FILE: 'ca' }, 'ETCD_CA_CERT_FILE'],
    [{ ...http, ETCD_CA_CERT_FILE: 'ca' }, 'ETCD_CA_CERT_FILE'],
    [{ ...https, ETCD_CA_CERT_FILE: 'ca' }, undefined],
    [{ IPPOOLD_AUDIT_POLICY_FILE: 'policy' }, 'IPPOOLD_AUDIT_POLICY_FILE'],
    [{ IPPOOLD_AUDIT_POLICY_FILE: 'policy', IPPOOLD_AUDIT_LOG: 'log' }, undefined],
  ]
  t.ok(rows.length > 0)
  for (const [variables, named] of rows) {
    const problems = problemsOf([], variables)
    const title = JSON.stringify(variables)
    if (named === undefined) t.strictSame(problems, [], `${title} is right`)
    else t.ok(problems.length === 1 && problems[0]?.startsWith(`${named}: `), `${title} is wrong`, { problems })
  }
})

t.test(
  'a server that other machines can reach needs TLS and authentication, or settings that waive them',
  async (t) => {
    const tls = { IPPOOLD_TLS_CERT_FILE: 'cert', IPPOOLD_TLS_KEY_FILE: 'key' }
    const authentication = { ...tls, IPPOOLD_CLIENT_CA_FILE: 'ca' }
    const noTls = { IPPOOLD_INSECURE_HTTP: 'true' }
    const noAuthentication = { IPPOOLD_INSECURE_NO_AUTH: 'true' }
    const needed: Readonly<Record<Protection, RegExp>> = {
      tls: /^IPPOOLD_HOST: .*TLS is needed; set IPPOOLD_TLS_CERT_FILE.*IPPOOLD_INSECURE_HTTP=true/,
      authentication: /^IPPOOLD_HOST: .*authentication is needed; set .*IPPOOLD_INSECURE_NO_AUTH=true/,
    }
    const rows: [given: Variables, missing: readonly Protection[], refused: readonly Protection[]][] = [
      [{}, ['tls', 'authentication'], ['tls', 'authentication']],
      [tls, ['authentication'], ['authentication']],
      [authentication, [], []],
      [noTls, ['tls', 'authentication'], ['authentication']],
      [noAuthentication, ['tls', 'authentication'], ['tls']],
      [{ ...noTls, ...noAuthentication }, ['tls', 'authentication'], []],
      [{ ...tls, ...noAuthentication }, ['authentication'], []],
    ]
    for (const [given, missing, refused] of rows) {
      const title = JSON.stringify(given)
      for (const host of ['0.0.0.0', '::', 'example.org', '128.0.0.1']) {
        const variables = { ...given, IPPOOLD_HOST: host }
        const problems = problemsOf([], variables)
        t.equal(problems.length, refused.length, `${host} ${title}`)
        for (const [index, protection] of refused.entries()) t.match(problems[index], needed[protection])
        if (refused.length === 0) t.strictSame(missingProtections(configOf([], variables)), missing, title)
      }
      for (const nearby of [
        { IPPOOLD_HOST: '127.0.0.1' },
        { IPPOOLD_HOST: '::1' },
        { IPPOOLD_HOST: 'localhost' },
        ...('IPPOOLD_TLS_CERT_FILE' in given
          ? []
          : [{ IPPOOLD_HOST: '::', IPPOOLD_PORT: 'none', IPPOOLD_SOCKET: 's' }]),
      ]) {
        t.strictSame(
          missingProtections(configOf([], { ...given, ...nearby })),
          [],
          `${JSON.stringify(nearby)} ${title}`,
        )
      }
    }
  },
)

t.test('everything that is wrong is told at once', async (t) => {
  const problems = problemsOf(['--port=x', '--nonsense', 'stray', '-x', '--queue-limit'], {
    IPPOOLD_LOG_LEVEL: 'loud',
    IPPOOLD_HOST: '0.0.0.0',
  })
  const named = problems.map((problem) => problem.slice(0, problem.indexOf(':')))
  t.strictSame(named.toSorted(), [
    '"stray"',
    '--nonsense',
    '--port',
    '--queue-limit',
    '-x',
    'IPPOOLD_HOST',
    'IPPOOLD_HOST',
    'IPPOOLD_LOG_LEVEL',
  ])
})

t.test('what only follows from another mistake is not told', async (t) => {
  const problems = problemsOf([], {
    ETCD_ENDPOINTS: 'wrong',
    ETCD_CA_CERT_FILE: 'ca',
    IPPOOLD_HOST: '0.0.0.0',
    IPPOOLD_INSECURE_HTTP: 'si',
    IPPOOLD_INSECURE_NO_AUTH: 'true',
  })
  t.equal(problems.length, 2, problems.join('; '))
})

t.test('a variable that is no setting stops the start, with a suggestion if one is near', async (t) => {
  const rows: [variable: string, told: string][] = [
    ['IPPOOLD_PROT', 'IPPOOLD_PROT: there is no such setting; did you mean IPPOOLD_PORT?'],
    ['IPPOOLD_DATADIR', 'IPPOOLD_DATADIR: there is no such setting; did you mean IPPOOLD_DATA_DIR?'],
    ['IPPOOLD_ETCD_ENDPOINTS', 'IPPOOLD_ETCD_ENDPOINTS: there is no such setting; did you mean ETCD_ENDPOINTS?'],
    ['ETCD_ENDPOINT', 'ETCD_ENDPOINT: there is no such setting; did you mean ETCD_ENDPOINTS?'],
    ['ETCD_DISCOVERY_SRV', 'ETCD_DISCOVERY_SRV: there is no such setting; unset it, or see --help'],
  ]
  for (const [variable, told] of rows) {
    t.strictSame(problemsOf([], { [variable]: 'secret' }), [told])
    t.strictSame(problemsOf([], { [variable]: '' }), [], 'an empty value counts as unset')
  }
  const others = ['PORT', 'ETCDCTL_ENDPOINTS', 'MY_IPPOOLD_PORT', 'IPPOOLDX', 'ippoold_prot']
  for (const variable of others) t.strictSame(problemsOf([], { [variable]: 'x' }), [], `${variable} is not ours`)
})

t.test('a setting that is gone stops the start, and says what to set instead', async (t) => {
  const instead =
    /^(IPPOOLD_ALLOW_REMOTE|--allow-remote): is gone; set IPPOOLD_TLS_CERT_FILE.*IPPOOLD_INSECURE_NO_AUTH=true/
  t.match(problemsOf([], { IPPOOLD_ALLOW_REMOTE: 'false' }), [instead])
  t.match(problemsOf(['--allow-remote=true']), [instead])
})

t.test('the variables that Kubernetes sets for a Service called ippoold or etcd are no settings', async (t) => {
  const environment = {
    IPPOOLD_SERVICE_HOST: '10.96.0.7',
    IPPOOLD_SERVICE_PORT: '8080',
    IPPOOLD_SERVICE_PORT_HTTP: '8080',
    IPPOOLD_PORT_8080_TCP: 'tcp://10.96.0.7:8080',
    IPPOOLD_PORT_8080_TCP_ADDR: '10.96.0.7',
    ETCD_PORT: 'tcp://10.96.0.8:2379',
    ETCD_CLIENT_SERVICE_HOST: '10.96.0.8',
    ETCD_CLIENT_PORT: 'tcp://10.96.0.8:2379',
  }
  t.strictSame(problemsOf([], environment), [])
  t.equal(configOf([], { IPPOOLD_PORT: 'tcp://10.96.0.7:8080' }).port, 8080)
  t.match(problemsOf([], { IPPOOLD_PORT: 'udp://10.96.0.7' })[0], /^IPPOOLD_PORT: /)
})

t.test('a flag that is misspelt is named, with a suggestion', async (t) => {
  t.strictSame(problemsOf(['--prot=1', '--hepl', '--data_dir=x', '--nothing-like-it']), [
    '--prot: there is no such flag; did you mean --port?',
    '--hepl: there is no such flag; did you mean --help?',
    '--data_dir: there is no such flag; did you mean --data-dir?',
    '--nothing-like-it: there is no such flag; see --help',
  ])
})

t.test('names of former versions mean the same as those of calicoctl, but not beside them', async (t) => {
  const etcd = { ETCD_ENDPOINTS: 'https://a:1' }
  t.equal(configOf([], { ...etcd, ETCD_CA_FILE: 'ca' }).etcdCaFile, 'ca')
  t.equal(configOf(['--etcd-ca-file=ca'], etcd).etcdCaFile, 'ca')
  t.equal(configOf(['--etcd-user=root'], { ...etcd, ETCD_PASSWORD: 'secret' }).etcdUser, 'root')
  t.equal(configOf(['--etcd-ca-file=1', '--etcd-ca-cert-file=2'], etcd).etcdCaFile, '2')
  t.equal(configOf([], { ...etcd, ETCD_CA_FILE: 'ca', ETCD_CA_CERT_FILE: '' }).etcdCaFile, 'ca')
  t.strictSame(problemsOf([], { ...etcd, ETCD_CA_FILE: 'ca', ETCD_CA_CERT_FILE: 'other' }), [
    'ETCD_CA_CERT_FILE, ETCD_CA_FILE: are one setting; give ETCD_CA_CERT_FILE alone',
  ])
})

t.test('a flag without its value is named, and does not take the next flag for it', async (t) => {
  for (const argv of [['--port'], ['--port', '--help-me']]) t.match(problemsOf(argv)[0], /^--port: needs a value/)
})

t.test('secrets are not shown', async (t) => {
  const problems = problemsOf(['--etcd-endpoints=http://root:secret@a:1,http://b'], {
    ETCD_PASSWORD: 'hidden',
    ETCD_USERNAME: '',
  })
  t.equal(problems.length, 2)
  t.notMatch(problems.join(), /secret|hidden/)
})

t.test('--help and --version are answered whatever else is given', async (t) => {
  t.match(parseConfig(['--port=x', '--help'], {}), { ok: true, action: 'help' })
  t.match(parseConfig(['-h'], { IPPOOLD_PORT: 'x' }), { ok: true, action: 'help' })
  t.match(parseConfig(['--version'], {}), { ok: true, action: 'version' })
  t.match(parseConfig(['--version', '--help'], {}), { ok: true, action: 'help' })
})

t.test('the help tells flag, variable and default of every setting', async (t) => {
  const help = helpText()
  for (const setting of Object.values(settings)) {
    const [, entry = ''] = help.split(`  --${flagOf(setting)} ${setting.placeholder}`)
    const [first = '', meaning = '', fallback = ''] = entry.split('\n')
    t.equal(first.trim(), setting.variable)
    t.equal(meaning.trim(), setting.help)
    t.match(fallback, /^ {6}Default: \S/)
  }
  t.ok(help.split('\n').every((line) => line.length <= 120))
})
