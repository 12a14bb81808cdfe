import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type IppoolShell, ippoolShell } from '../../support/ippool.ts'

/**
 * What the command line does when a server is busy, silent, or no ippoold at all. The servers are imitations: each does one thing wrong.
 */

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server that gives these answers, one after the other; the last one again and again. */
async function scripted(
  t: Test,
  answers: readonly Answer[],
): Promise<{ readonly shell: IppoolShell; readonly keys: readonly unknown[] }> {
  const keys: unknown[] = []
  const server = createServer((request, response) => {
    const answer = answers[Math.min(keys.length, answers.length - 1)]
    keys.push(request.headers['idempotency-key'])
    request.resume().once('end', () => answer?.(request, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { shell: await ippoolShell(t, `http://127.0.0.1:${port}`), keys }
}

const json =
  (status: number, body: object, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
const refuse = (status: number, reason: string, headers?: Readonly<Record<string, string>>): Answer =>
  json(status, { kind: 'Status', status: 'Failure', reason, message: `the message of ${reason}` }, headers)
const hangUp: Answer = (request) => request.socket.destroy()

const assigned = json(201, {
  handle: 'vm-1',
  addresses: [{ address: '10.1.0.7', handle: 'vm-1', node: null, pool: null, block: '10.1.0.0/26', attributes: {} }],
})

t.test(
  'a change is sent again with the same key: after a wait that the server asks for, and when the answer is lost',
  async (t) => {
    const busy = refuse(503, 'ServiceUnavailable', { 'retry-after': '0' })
    const limited = refuse(429, 'TooManyRequests', { 'retry-after': '0' })
    const { shell, keys } = await scripted(t, [busy, hangUp, limited, refuse(500, 'OutcomeUnknown'), assigned])
    t.match(await shell.run('ippool assign vm-1 -o name'), { code: 0, stdout: '10.1.0.7\n', stderr: '' })
    t.equal(keys.length, 5)
    t.equal(new Set(keys).size, 1)
    t.match(keys[0], /^[\da-f-]{36}$/)
  },
)

t.test('two runs have two keys, unless one is given', async (t) => {
  const { shell, keys } = await scripted(t, [assigned])
  await shell.run('ippool assign vm-1; ippool assign vm-1; ippool assign vm-1 --idempotency-key mine')
  t.equal(new Set(keys).size, 3)
  t.equal(keys[2], 'mine')
})

const outcomes: readonly (readonly [
  name: string,
  answer: Answer,
  script: string,
  code: number,
  stderr: RegExp,
  calls?: number,
])[] = [
  [
    'busy without saying for how long',
    refuse(503, 'ServiceUnavailable'),
    'pools',
    8,
    /the message of ServiceUnavailable \(.*\n {2}Nothing was changed/,
    1,
  ],
  [
    'no answer to a change without a key',
    hangUp,
    'pool create blue 10.1.0.0/16',
    9,
    /The change was made, or it was not\n {2}Look/,
    1,
  ],
  [
    'busy for longer than wanted',
    refuse(503, 'ServiceUnavailable', { 'retry-after': '60' }),
    'assign vm-1 --timeout 1',
    8,
    /the message of ServiceUnavailable/,
    1,
  ],
  [
    'silent for longer than wanted',
    () => undefined,
    'pools --timeout 0.5',
    8,
    /no answer of the server .*--timeout/,
    1,
  ],
  [
    'silent after a change',
    () => undefined,
    'assign vm-1 --timeout 0.5',
    9,
    /Repeat the command with the same --idempotency-key/,
    1,
  ],
  ['a fault', refuse(500, 'InternalError'), 'pools', 10, /the message of InternalError/, 1],
  [
    'another program',
    json(404, { error: 'nothing here' }),
    'pools',
    3,
    /answers 404 without saying why\n {2}Is the server an ippoold/,
    1,
  ],
  ['a proxy that refuses', json(403, {}), 'pools', 6, /answers 403/, 1],
]
for (const [name, answer, script, code, stderr, calls] of outcomes) {
  t.test(name, async (t) => {
    const { shell, keys } = await scripted(t, [answer])
    t.match(await shell.run(`ippool ${script}`), { code, stdout: '', stderr })
    t.equal(keys.length, calls)
  })
}

t.test('a report that ends early is not taken for a whole one', async (t) => {
  const half: Answer = (_request, response) => {
    response.write('{"code":"NodeGone","key":"/k","subject":null,"message":"m","repair":"None"}\n')
    response.end('{"revision":"1","isComplete":false,"problem":"etcd is silent"}\n')
  }
  const { shell } = await scripted(t, [half])
  const checked = await shell.run('ippool check')
  t.match(checked, { code: 8, stdout: 'NodeGone', stderr: /not complete: etcd is silent/ })
})
