import t from 'tap'
import { childEnvironment, defaultCacheDir } from '../../src/embedded-etcd/environment.ts'

t.test('an etcd of ours takes over the environment, but nothing that it would take for its own flags', async (t) => {
  const { ETCD_UNSUPPORTED_ARCH: _, ...environment } = childEnvironment({
    PATH: '/bin',
    ETCD_CERT_FILE: '/client.pem',
    ETCD_ENDPOINTS: 'http://127.0.0.1:2379',
  })
  t.strictSame(environment, { PATH: '/bin', GOGC: '200' })
})

t.test('its collector is set by whoever wants to', async (t) => {
  t.equal(childEnvironment({ GOGC: '50' })['GOGC'], '50')
})

t.test('fetched binaries are kept in the cache folder of the user', async (t) => {
  t.equal(defaultCacheDir({ HOME: '/a' }), '/a/.cache/ippoold')
  t.equal(defaultCacheDir({ HOME: '/a', XDG_CACHE_HOME: '/b' }), '/b/ippoold')
  t.equal(defaultCacheDir({ HOME: '/a', XDG_CACHE_HOME: '' }), '/a/.cache/ippoold')
  t.equal(defaultCacheDir({}), '.cache')
})
