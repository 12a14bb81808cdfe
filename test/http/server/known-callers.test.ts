import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import t from 'tap'
import { unchecked } from '../../../src/access/index.ts'
import { credentialOf } from '../../../src/http/server/access.ts'
import { KnownCallers } from '../../../src/http/server/known-callers.ts'

t.test('a credential is known by its user once it was proved, and before by the address', async (t) => {
  const callers = new KnownCallers()
  t.strictSame(callers.find('token', '10.0.0.1'), { name: 'address 10.0.0.1', isAdmin: false })
  callers.note('token', { user: 'alice', groups: ['blue'] })
  callers.note('other', { user: 'alice', groups: ['blue'] })
  t.strictSame(callers.find('token', '10.0.0.1'), { name: 'user alice', isAdmin: false })
  t.strictSame(callers.find('other', '10.0.0.2'), { name: 'user alice', isAdmin: false })
  t.strictSame(callers.find('made up', '10.0.0.1'), callers.find(undefined, '10.0.0.1'))
  callers.forget('token')
  t.strictSame(callers.find('token', undefined), { name: 'address ', isAdmin: false })
})

t.test('an admin has proved to be one', async (t) => {
  const callers = new KnownCallers()
  callers.note('root', { user: 'root', groups: ['ippoold:admins'] })
  t.ok(callers.find('root', '10.0.0.1').isAdmin)
  callers.note('root', { user: 'root', groups: [] })
  t.notOk(callers.find('root', '10.0.0.1').isAdmin, 'and is none any more')
  callers.note('anything', unchecked)
  t.notOk(callers.find('anything', '10.0.0.1').isAdmin, 'where nobody is asked, nobody is one')
})

t.test('credentials that were proved long ago are forgotten', async (t) => {
  const callers = new KnownCallers()
  const name = (n: number): string => callers.find(`token ${n}`, undefined).name
  for (let n = 0; n < 10_000; n++) callers.note(`token ${n}`, { user: String(n), groups: [] })
  callers.note('token 0', { user: '0', groups: [] })
  callers.note('one more', { user: 'x', groups: [] })
  t.strictSame([name(0), name(1), name(2)], ['user 0', 'address ', 'user 2'])
})

t.test('a huge credential is not remembered', async (t) => {
  const callers = new KnownCallers()
  const huge = 'x'.repeat(5_000)
  callers.note(huge, { user: 'alice', groups: [] })
  t.equal(callers.find(huge, '10.0.0.1').name, 'address 10.0.0.1')
})

t.test('a credential is a client certificate, or a header', async (t) => {
  const credentialFrom = (socket: Socket, authorization?: string): string | undefined => {
    const request = new IncomingMessage(socket)
    if (authorization !== undefined) request.headers.authorization = authorization
    return credentialOf(request)
  }
  t.equal(credentialFrom(new Socket(), 'Bearer x'), 'Bearer x')
  t.equal(credentialFrom(new Socket()), undefined)
  const certified = (organization: string, authorization?: string): string | undefined => {
    const clientCertificate = { commonNames: ['alice'], organizations: [organization], isTrusted: () => true }
    return credentialFrom(Object.assign(new TLSSocket(new Socket()), { clientCertificate }), authorization)
  }
  t.not(certified('blue'), certified('ippoold:admins'), 'two at one address are not taken for each other')
  t.equal(certified('blue', 'Bearer x'), certified('blue'), 'a header beside a certificate makes no other caller')
})
