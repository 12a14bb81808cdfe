import t from 'tap'
import { addressesIn, createPool, startIppoold } from '../support/ippoold.ts'
import { RawConnection, rawRequest } from '../support/raw-http.ts'
import { disagreements, readStoredState } from '../support/stored.ts'
import { until } from '../support/until.ts'

t.test(
  'a client that hangs up in the middle of a call leaves all of it or nothing, and can give it back',
  async (t) => {
    const { call, etcd, servers } = await startIppoold(t)
    const [server] = servers
    if (server === undefined) throw new Error('There is a server.')
    await createPool(call, 'four', { cidr: '10.130.0.0/20', blockSize: 26 })
    await createPool(call, 'six', { cidr: 'fd00:130::/112', blockSize: 122 })
    const calls = Array.from({ length: 60 }, (_, number) => `hung-up-${number}`)
    await Promise.all(
      calls.map(async (handle, number) => {
        const body = JSON.stringify({ handle, node: `node-${number % 3}`, ipv4: 20, ipv6: 5 })
        const request = rawRequest('POST', '/ipam/v1/assign', body)
        const connection = await RawConnection.open(server.url)
        // Some have not said all, some only just have, some are being served.
        const length = number % 4 === 0 ? request.length - 1 - number : request.length
        await connection.write(request.slice(0, length))
        if (number % 4 === 1) await call('GET', '/livez')
        if (number % 4 === 2) await call('GET', `/ipam/v1/handles/${handle}`)
        connection.cut()
      }),
    )
    // A call continues without its caller; a later call that needs the same blocks is completed after it.
    for (const node of [0, 1, 2])
      await call('POST', '/ipam/v1/assign', { node: `node-${node}`, handle: 'last', ipv4: 1 })
    const held = async (): Promise<ReadonlyMap<string, number>> => {
      const counts = new Map<string, number>()
      for (const handle of (await readStoredState(etcd.endpoint)).holders.values()) {
        counts.set(handle, (counts.get(handle) ?? 0) + 1)
      }
      return counts
    }
    let last = { text: '', since: 0 }
    const counts = await until('all to have come to rest', async () => {
      const now = await held()
      const text = JSON.stringify([...now])
      if (text !== last.text) last = { text, since: performance.now() }
      return performance.now() - last.since > 1_000 ? now : undefined
    })
    t.comment(`${counts.size - 1} of ${calls.length} were carried out`)
    t.strictSame(
      [...counts].filter(([handle, count]) => handle !== 'last' && count !== 25),
      [],
      'all or nothing',
    )
    t.notOk(
      calls.some((handle, number) => number % 4 === 0 && counts.has(handle)),
      'nothing for half a request',
    )
    t.strictSame(disagreements(await readStoredState(etcd.endpoint)), [])

    for (const handle of [...calls, 'last']) {
      const { status } = await call('DELETE', `/ipam/v1/handles/${handle}`)
      t.equal(status, counts.has(handle) ? 200 : 404, handle)
    }
    const { holders } = await readStoredState(etcd.endpoint)
    t.strictSame([...holders], [], 'nothing is held any more')
    t.equal(addressesIn(await call('POST', '/ipam/v1/assign', { ipv4: 20, ipv6: 5 })).length, 25)
  },
)

t.test('a change whose client has hung up is in the log with its result', async (t) => {
  const { call, servers } = await startIppoold(t)
  const [server] = servers
  if (server === undefined) throw new Error('There is a server.')
  await createPool(call, 'log', { cidr: '10.131.0.0/20' })
  const calls = Array.from({ length: 20 }, (_, number) => `gone-${number}`)
  for (const handle of calls) {
    const connection = await RawConnection.open(server.url)
    await connection.write(rawRequest('POST', '/ipam/v1/assign', JSON.stringify({ handle })))
    connection.cut()
  }
  for (const handle of calls) {
    const { status, body } = await until('it to be carried out', async () => {
      const answer = await call('GET', `/ipam/v1/handles/${handle}`)
      return answer.status === 200 ? answer : undefined
    })
    t.equal(status, 200)
    const { address } = (body['addresses'] as { address: string }[])[0] ?? {}
    const line = await until('its line', () =>
      server
        .output()
        .split('\n')
        .find((one) => one.includes(`"handle":"${handle}"`)),
    )
    t.match(JSON.parse(line), {
      time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
      msg: 'change',
      operation: 'assignAddresses',
      addresses: [address],
      status: 201,
      from: '127.0.0.1',
    })
  }
})
