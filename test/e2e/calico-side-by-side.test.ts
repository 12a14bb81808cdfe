import t from 'tap'
import { Account } from '../support/account.ts'
import { type CalicoAllocation, CalicoHost } from '../support/calico.ts'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { disagreements, readStoredState } from '../support/stored.ts'

const callers = 32
const hosts = 4

t.test(`${String(callers)} callers and ${String(hosts)} Calico hosts share a small pool`, async (t) => {
  const { clients, call, etcd, keys } = await startIppoold(t, { servers: 2 })
  // 64 addresses for 32 callers who want four each, in blocks of eight: everybody borrows, and addresses run out.
  const pool = { cidr: '10.80.0.0/26', blockSize: 29 }
  await createPool(call, 'shared', pool)

  const account = new Account()
  let rounds = 0
  const isOver = (): boolean => rounds >= hosts * 25
  const workers = clients.flatMap((client, server) =>
    Array.from({ length: callers / clients.length }, (_, number) => {
      const name = `caller-${String(server)}-${String(number)}`
      // Half of the nodes are Calico's too, and some callers name none.
      const node = [{ node: 'host-0' }, { node: 'host-1' }, { node: 'elsewhere' }, {}][number % 4]
      return account.work(client, name, node ?? {}, 4, isOver)
    }),
  )
  let taken = 0
  const calico = Array.from({ length: hosts }, async (_, number) => {
    const host = new CalicoHost(keys, `host-${String(number)}`)
    const own: CalicoAllocation[] = []
    for (let turn = 0; !isOver(); turn++, rounds++) {
      const oldest = own.length >= 8 || turn % 3 === 2 ? own.shift() : undefined
      if (oldest !== undefined) {
        account.leave(oldest.address)
        const released = await host.release(oldest)
        t.equal(released.length, 1, `${oldest.address} was still there to be released`)
        continue
      }
      const allocation = await host.assign(pool, `calico-${String(number)}-${String(turn)}`)
      if (allocation === undefined) continue
      own.push(allocation)
      taken++
      account.enter(allocation)
    }
  })
  await Promise.all(calico)
  await Promise.all(workers)

  t.comment(`${JSON.stringify(account.outcomes)}, Calico took ${String(taken)}`)
  t.ok(account.outcomes.done > 100, 'ippoold got through')
  t.ok(taken > 0, 'so did Calico')
  t.ok(account.outcomes.refused > 0, 'addresses did run out')
  t.strictSame(account.violations, [], 'no address had two owners')
  const state = await readStoredState(etcd.endpoint)
  t.strictSame(account.differences(state.holders), [], 'etcd holds exactly what was acknowledged')
  t.strictSame(disagreements(state), [], 'blocks, handles and affinities agree')
})
