import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Outcome } from '../../src/datastore/index.ts'
import { BlockIndex, blockKey, poolKey } from '../../src/model/index.ts'
import { mustParseCidr } from '../../src/net/index.ts'
import type { Plan, View } from '../../src/plan/index.ts'
import { PoolUpkeep } from '../../src/upkeep/index.ts'
import { FakeView } from '../support/fake-view.ts'
import { mustPool } from '../resources/fixtures.ts'

const key = (cidr: string): string => blockKey(mustParseCidr(cidr)).text
const inside = key('10.10.0.0/26')

/** Longer than changes are collected, shorter than until everything is looked at without one. */
const whileMs = 200

t.test(
  'a pool is looked at when a block of its own changes, however often, and not for every change of others',
  async (t) => {
    // As if it had just gone: each look is one transaction, which finds nothing to do.
    const view = new FakeView()
    const pool = mustPool({}, { deletionTimestamp: '2026-11-23T04:00:00Z', finalizers: ['example.org/audit'] })
    const waiting: (() => void)[] = []
    let looks = 0
    const store = {
      async submit<Answer>(plan: (view: View) => Plan<Answer>): Promise<Outcome<Answer>> {
        looks++
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
        })
        return { answer: plan(view).answer, revision: view.revision }
      },
      page: () => Promise.reject(new Error('there is no block to read')),
    }
    const logger = { info: () => undefined, warn: (details: object) => t.fail(JSON.stringify(details)) }
    const upkeep = new PoolUpkeep(new BlockIndex(), () => ({ nanoseconds: 0n }), logger)
    upkeep.pools.changed(poolKey('pool-a').text, { kind: 'value', value: pool, revision: 1n })
    const goOn = async (): Promise<void> => {
      waiting.shift()?.()
      await pause(whileMs)
    }

    upkeep.start(store)
    await pause(whileMs)
    t.equal(looks, 1)
    for (let changes = 0; changes < 10; changes++) {
      upkeep.blockChanged(inside)
      await pause(30)
    }
    t.equal(looks, 1, 'the look under way has not ended')
    await goOn()
    t.equal(looks, 2, 'all changes meanwhile are one more look')
    await goOn()
    t.equal(looks, 2)

    for (const other of [key('10.11.0.0/26'), '/calico/ipam/v2/assignment/nonsense']) upkeep.blockChanged(other)
    await pause(whileMs)
    t.equal(looks, 2)
    upkeep.blockChanged(inside)
    await pause(whileMs)
    t.equal(looks, 3)

    await goOn()
    await upkeep.stop()
  },
)
