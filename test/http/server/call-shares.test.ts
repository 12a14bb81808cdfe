import t from 'tap'
import { unchecked } from '../../../src/access/index.ts'
import { CallShares, isAdmin, RecentAdmins } from '../../../src/http/server/call-shares.ts'

t.test('a caller alone has the whole limit; beside others, each has its share once the limit is reached', async (t) => {
  const shares = new CallShares(10)
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
  const shares = new CallShares(4)
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
  const admins = new RecentAdmins()
  for (let n = 0; n < 1_500; n++) admins.add(`token ${n}`)
  t.ok(admins.has('token 1499'))
  t.notOk(admins.has('token 1'), 'the oldest are forgotten')
})
