import t from 'tap'
import { unchecked } from '../../src/access/index.ts'
import { isAdmin, Shares, sharerOf } from '../../src/http/shares.ts'

t.test('a caller alone has the whole limit; beside others, each has its share once the limit is reached', async (t) => {
  const shares = new Shares(10)
  const greedy = Array.from({ length: 10 }, () => {
    t.notOk(shares.isFull('greedy'))
    return shares.enter('greedy')
  })
  t.ok(shares.isFull('greedy'))
  for (let n = 0; n < 5; n++) {
    t.notOk(shares.isFull('modest'), `${n} of its share of 5`)
    shares.enter('modest')
  }
  t.ok(shares.isFull('modest'))
  t.notOk(shares.isFull('third'))
  for (const leave of greedy) {
    leave()
    leave()
  }
  t.notOk(shares.isFull('greedy'), 'a call ends once')
  t.notOk(shares.isFull('modest'))
})

t.test('all callers together have no more than twice the limit', async (t) => {
  const shares = new Shares(4)
  for (let n = 0; n < 8; n++) {
    t.notOk(shares.isFull(`caller ${n}`))
    shares.enter(`caller ${n}`)
  }
  t.ok(shares.isFull('one more'))
})

t.test('an admin has proved to be one', async (t) => {
  t.ok(isAdmin({ user: 'root', groups: ['ippoold:admins'] }))
  t.notOk(isAdmin({ user: 'alice', groups: ['blue'] }))
  t.notOk(isAdmin(unchecked), 'where nobody is asked, nobody is one')
})

t.test('a share is of a user, or of an address where nobody is asked', async (t) => {
  t.equal(sharerOf({ user: 'alice', groups: [] }, '192.0.2.1'), 'user alice')
  t.equal(sharerOf(unchecked, '192.0.2.1'), 'address 192.0.2.1')
})
