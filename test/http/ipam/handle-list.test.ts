import t from 'tap'
import { startServer } from '../server-in-memory.ts'

const path = '/ipam/v1/handles'

t.test('handles are listed page by page, with what they count', async (t) => {
  const { call, store } = startServer(t)
  t.match(await call('GET', path), { status: 200, body: { handles: [], unreadableHandles: [], continue: null } })
  const names = ['a', 'vm-1', 'vm-2', 'vm-3', 'é-1', 'é-2']
  for (const handle of names) await call('POST', '/ipam/v1/assign', { handle, ipv4: 2, ipv6: 1 })
  store.view.putText('/calico/ipam/v2/handle/vm-x', '{')
  const all = await call('GET', path)
  t.equal(all.status, 200)
  t.strictSame(all.body, {
    handles: names.map((handle) => ({ handle, blocks: 2, addresses: 3 })),
    unreadableHandles: ['vm-x'],
    revision: String(store.view.revision),
    continue: null,
  })
  const seen: string[] = []
  let pages = 0
  for (let token: string | undefined = ''; token !== undefined; pages++) {
    const query = `?limit=2&prefix=vm-${token === '' ? '' : `&continue=${token}`}`
    const { body } = await call('GET', `${path}${query}`)
    const handles = body['handles'] as readonly { readonly handle: string }[]
    seen.push(...handles.map(({ handle }) => handle), ...(body['unreadableHandles'] as readonly string[]))
    token = typeof body['continue'] === 'string' ? body['continue'] : undefined
  }
  t.strictSame([seen, pages], [['vm-1', 'vm-2', 'vm-3', 'vm-x'], 2])
  const accented = await call('GET', `${path}?prefix=${encodeURIComponent('é')}&limit=1`)
  const next = await call(
    'GET',
    `${path}?prefix=${encodeURIComponent('é')}&continue=${String(accented.body['continue'])}`,
  )
  t.match(
    [accented.body, next.body],
    [{ handles: [{ handle: 'é-1' }] }, { handles: [{ handle: 'é-2' }], continue: null }],
  )
})

t.test('what is no prefix, page or token is refused', async (t) => {
  const { call } = startServer(t)
  const tokenOf = (text: string): string => Buffer.from(text).toString('base64url')
  for (const [query, status] of [
    ['prefix=a%2Fb', 422],
    ['prefix=', 422],
    ['limit=0', 422],
    ['limit=1001', 422],
    ['continue=x', 422],
    [`continue=${tokenOf('0/vm-1')}`, 422],
    [`continue=${tokenOf('12/')}`, 422],
    [`continue=${tokenOf('999999/vm-1')}`, 200],
    ['pool=a', 400],
  ] as const) {
    t.equal((await call('GET', `${path}?${query}`)).status, status, query)
  }
})
