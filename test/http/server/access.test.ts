import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { type Gatekeeper, noRights, unlimited } from '../../../src/access/index.ts'
import { RawConnection, rawRequest } from '../../support/raw-http.ts'
import { until } from '../../support/until.ts'
import { startServer } from '../server-in-memory.ts'

/** Longer than what was found out about a caller counts. */
const staleMs = 400

t.test('a call whose body arrives after its credential or its right has ended does nothing', async (t) => {
  const caller = { user: 'alice', groups: [] }
  for (const [ended, status, reason] of [
    ['credential', 401, 'Unauthorized'],
    ['right', 403, 'Forbidden'],
    ['nothing', 201, 'late'],
  ] as const) {
    let has = { credential: true, right: true, nothing: true }
    const gatekeeper: Gatekeeper = {
      identify: () =>
        has.credential ? { ok: true, caller } : { ok: false, reason: 'wrong', problem: 'It has ended.' },
      rightsOf: () => (has.right ? { ...unlimited, caller } : { ...noRights, caller }),
    }
    const { app, store } = startServer(t, { gatekeeper })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const connection = await RawConnection.open(url)
    t.teardown(() => connection.cut())
    const whole = rawRequest('POST', '/ipam/v1/assign', '{"handle":"late"}')
    await connection.write(whole.slice(0, -1))
    await pause(staleMs)
    has = { ...has, [ended]: false }
    await connection.write('}')
    await until('an answer', () => connection.answers().length > 0 || undefined)
    const [answer] = connection.answers()
    t.equal(answer?.status, status, ended)
    t.match(answer?.body, new RegExp(reason))
    t.equal(store.view.text('/calico/ipam/v2/handle/late') === undefined, status !== 201)
  }
})
