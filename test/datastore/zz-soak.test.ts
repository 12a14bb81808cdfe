import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { answerOnly, DatastoreUnavailable, type Plan, put, remove, type View, type Key } from '../../src/datastore/index.ts'
import { startEtcdCluster } from '../support/etcd.ts'
import { startProxy } from '../support/proxy.ts'
import { increment, keyOf, numberAt, numbersBelow, openEtcd, openStore } from './rig.ts'

process.on('unhandledRejection', (e) => { console.error('UNHANDLED', e); process.exit(3) })
let seed = Number(process.env['SEED'] ?? 1)
const random = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648 }
const pick = <T>(xs: readonly T[]): T => xs[Math.floor(random() * xs.length)] as T
const durationMs = Number(process.env['MS'] ?? 20000)

t.test('soak', { timeout: durationMs + 60000 }, async (t) => {
  const cluster = await startEtcdCluster(t, 1)
  const member = cluster.members[0]!
  const families = [numbersBelow('/soak/v/', 'values'), numbersBelow('/soak/d/', 'digests'), numbersBelow('/soak/r/', 'recent')]
  const proxies = [await startProxy(t, member.endpoint), await startProxy(t, member.endpoint)]
  const stores = [] as any[]
  for (const p of proxies) stores.push(await openStore(t, { endpoints: [p.endpoint], families, batchesInFlight: 3, deadlineMs: 4000 }))
  // each op increments 1-3 counters; acks per counter
  const counters = families.flatMap((f) => Array.from({ length: 5 }, (_, n) => keyOf(f, String(n))))
  const acks = new Map<string, number>(counters.map((k) => [k.text, 0]))
  const unknown = new Map<string, number>(counters.map((k) => [k.text, 0]))
  let over = false
  const stats: Record<string, number> = {}
  const bump = (k: string) => { stats[k] = (stats[k] ?? 0) + 1 }
  // tokens: created and removed, unique owner check: a set of tokens each stored as key; each op takes a free token or releases own
  const tokens = Array.from({ length: 6 }, (_, n) => keyOf(families[0]!, `token-${n}`))
  const held = new Map<string, number>()
  const caller = async (id: number) => {
    const store = stores[id % stores.length]
    let mine: Key<number> | undefined
    while (!over) {
      const kind = random()
      try {
        if (kind < 0.6) {
          const ks = [...new Set([pick(counters), pick(counters), pick(counters)])].slice(0, 1 + Math.floor(random() * 3))
          try {
            await store.datastore.submit(increment(...ks))
            for (const k of ks) acks.set(k.text, acks.get(k.text)! + 1)
            bump('inc')
          } catch (e) {
            if (e instanceof DatastoreUnavailable && e.code === 'OutcomeUnknown') for (const k of ks) unknown.set(k.text, unknown.get(k.text)! + 1)
            throw e
          }
        } else if (kind < 0.85) {
          if (mine === undefined) {
            const { answer } = await store.datastore.submit((view: View): Plan<Key<number> | undefined> => {
              const taken = new Set(view.list(families[0]!, 'hint', '/soak/v/token-').map((e) => e.key))
              const free = tokens.find((k) => !taken.has(k.text))
              if (free === undefined) return answerOnly(undefined)
              const l = view.get(free)
              if (l.kind !== 'absent') return answerOnly(undefined)
              return { answer: free, writes: [put(free, id)] }
            })
            if (answer !== undefined) {
              if (held.has(answer.text)) throw new Error(`DOUBLE OWNER ${answer.text} ${id} ${held.get(answer.text)}`)
              held.set(answer.text, id)
              mine = answer
              bump('take')
            } else { bump('none'); await pause(5) }
          } else {
            const key = mine
            held.delete(key.text)
            const { answer } = await store.datastore.submit((view: View): Plan<string> => {
              const l = view.get(key)
              if (l.kind === 'absent') return answerOnly('gone')
              if (l.kind === 'value' && l.value !== id) return answerOnly('stolen')
              return { answer: 'ok', writes: [remove(key)] }
            })
            if (answer !== 'ok') throw new Error(`LOST ${answer} ${key.text} ${id}`)
            mine = undefined
            bump('release')
          }
        } else {
          await store.datastore.submit((view: View): Plan<number> => answerOnly(view.list(families[0]!, pick(['changed', 'created', 'hint'])).length))
          bump('list')
        }
      } catch (e) {
        if (!(e instanceof DatastoreUnavailable)) throw e
        bump(e.code)
        if (mine !== undefined && kind >= 0.6 && kind < 0.85) { held.set(mine.text, id) }
        await pause(5 + random() * 20)
      }
    }
  }
  const callers = Array.from({ length: 24 }, (_, id) => caller(id))
  callers.forEach((c) => c.catch((e: unknown) => { console.error('FATAL', e); process.exit(4) }))
  const direct = openEtcd(t, member.endpoint)
  let foreignCount = new Map<string, number>()
  const foreign = (async () => {
    while (!over) {
      const k = pick(counters)
      try {
        const { kvs } = await direct.kv.range({ key: Buffer.from(k.text) })
        const pair = kvs[0]
        const rev = Number(pair?.mod_revision ?? 0)
        const { succeeded } = await direct.if(k.text, 'Mod', '==', rev).then(direct.put(k.text).value(String(Number(pair?.value.toString() ?? '0') + 1))).commit()
        if (succeeded) foreignCount.set(k.text, (foreignCount.get(k.text) ?? 0) + 1)
      } catch { foreignUnknown++ }
      await pause(20)
    }
  })()
  let foreignUnknown = 0
  const end = Date.now() + durationMs
  const faults: string[] = []
  while (Date.now() < end) {
    await pause(100 + random() * 300)
    const p = pick(proxies)
    const f = pick(['cut', 'cut', 'holdAnswersCut', 'holdRequestsLate', 'pushes', 'refuse', 'mute', 'compact', 'slots', 'lease', process.env['KILL'] ? 'kill' : 'cut'])
    faults.push(f)
    if (f === 'cut') p.cut()
    if (f === 'holdAnswersCut') { p.hold('answers'); await pause(random() * 200); p.cut() }
    if (f === 'holdRequestsLate') { p.hold('requests'); await pause(random() * 100); p.cutClients(); await pause(random() * 300); p.release() }
    if (f === 'pushes') { p.hold('pushes'); await pause(random() * 400); p.release() }
    if (f === 'refuse') { p.newcomers = 'refuse'; p.cut(); await pause(random() * 600); p.newcomers = 'pass' }
    if (f === 'mute') { p.newcomers = 'mute'; p.cut(); await pause(random() * 300); p.newcomers = 'pass'; p.cut() }
    if (f === 'compact') { try { const r = await direct.kv.range({ key: Buffer.from('/') }); await direct.kv.compact({ revision: r.header.revision, physical: true }) } catch {} }
    if (f === 'slots' && process.env['SLOTS']) { await direct.delete().prefix('/ippoold/v1/slots/') }
    if (f === 'lease') { const { leases } = await direct.leaseClient.leaseLeases(); if (process.env['SLOTS']) for (const { ID } of leases) await direct.leaseClient.leaseRevoke({ ID }).catch(() => undefined) }
    if (f === 'kill') { await member.kill(); await member.start(); await pause(1500) }
  }
  for (const p of proxies) { p.newcomers = 'pass'; p.release() }
  over = true
  const watchdog = setTimeout(() => { console.error('HUNG', stores.map((s) => s.datastore.health())); process.exit(5) }, 15000)
  await Promise.all(callers)
  await foreign
  clearTimeout(watchdog)
  let bad = 0
  for (const k of counters) {
    const v = (await direct.get(k.text).number()) ?? 0
    const want = acks.get(k.text)! + (foreignCount.get(k.text) ?? 0)
    const u = unknown.get(k.text)!
    if (v < want || v > want + u + (process.env['KILL'] ? foreignUnknown : 0)) { bad++; console.error('MISMATCH', k.text, v, want, u) }
  }
  console.error('seed', process.env['SEED'], stats, 'unknown', [...unknown.values()].reduce((a, b) => a + b), 'bad', bad, faults.length, 'heap', Math.round(process.memoryUsage().heapUsed / 1e6))
  t.equal(bad, 0)
})
