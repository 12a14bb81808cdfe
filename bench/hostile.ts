import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type LoopHold, LoopHoldMeter } from '../test/support/loop-hold.ts'
import { createPool, resident, startBenchEtcd, startBenchServer } from './processes.ts'
import { printTable } from './results.ts'

/**
 * What a single hostile request costs: the most CPU that it uses in one turn of the event loop, during which the server does nothing
 * else, and its CPU in all. The first row is an ordinary request. What is slow only once is sent once; the rest three times, and the median
 * counts. `npm run bench:hostile -- YAML` sends only those with this word in their name.
 */

interface Case {
  readonly name: string
  readonly method?: string
  readonly path?: string
  readonly type?: string
  readonly body?: string
  readonly times?: number
  /** Sends the body in pieces of so many bytes, each in a chunk of its own. */
  readonly chunkBytes?: number
}

const pools = '/apis/projectcalico.org/v3/ippools'
const yaml = 'application/yaml'
const mergePatch = 'application/merge-patch+json'

/** An object of `count` members. */
function members(count: number, name: (index: number) => string, value: unknown): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), value]))
}

function pool(name: string, metadata: object, spec: object = {}): object {
  return { metadata: { name, ...metadata }, spec: { cidr: '10.200.0.0/24', ...spec } }
}

function json(name: string, body: unknown, rest: Partial<Case> = {}): Case {
  return { name, body: JSON.stringify(body), path: `${pools}?dryRun=All`, ...rest }
}

const label = (index: number): string => `k${String(index)}`
const byKey = (name: string, count: number): object => members(count, (index) => `${name}${String(index)}`, 'x')
const fillUp = (text: string, bytes: number): string => text.repeat(Math.floor(bytes / text.length))
const apply = {
  method: 'PATCH',
  type: 'application/apply-patch+yaml',
  path: `${pools}/applied?fieldManager=a&dryRun=All`,
}

const yamlBodies: readonly (readonly [string, string])[] = [
  ['{,,,,', `{${fillUp(',', 32_000)}`],
  ['[ x 16,000', fillUp('[', 16_000)],
  ['[ x 32,000', fillUp('[', 32_000)],
  ['one key 4,900 times', fillUp('a: 1\n', 24_500)],
  [
    '4,900 keys',
    Array.from({ length: 4_900 }, (_, index) => `k${index.toString(36)}: 1`)
      .join('\n')
      .slice(0, 32_000),
  ],
  ['- x 16,000', fillUp('- ', 32_000)],
  ['- a lines', fillUp('- a\n', 32_000)],
  ['? x 16,000', fillUp('? ', 32_000)],
  [': x 16,000', fillUp(': ', 32_000)],
  ['{a: {a: ...', fillUp('{a: ', 32_000)],
  ['{} {} ...', fillUp('{} ', 32_000)],
  ['[[],[],...]', `[${fillUp('[],', 32_000)}`],
  ['[a,a,...]', `[${fillUp('a,', 32_000)}a]`],
  ['--- x 8,000', fillUp('---\n', 32_000)],
  ['... x 8,000', fillUp('...\n', 32_000)],
  ['# x 16,000', fillUp('#\n', 32_000)],
  ['&a &a ...', fillUp('&a ', 32_000)],
  ['*a *a ...', `[${fillUp('*a,', 32_000)}]`],
  ['!a !a ...', fillUp('!a ', 32_000)],
  ['!!str x', `[${fillUp('!!str a,', 32_000)}]`],
  ['%a lines', fillUp('%a\n', 32_000)],
  ['"\\x"...', `"${fillUp('\\z', 32_000)}"`],
  ['"a\\n"...', `"${fillUp('a\n\n', 32_000)}"`],
  ['| lines', `|\n${fillUp(' a\n', 32_000)}`],
  ['> lines', `>\n${fillUp(' a\n\n', 32_000)}`],
  ['plain lines', fillUp('a\n', 32_000)],
  ['spaces', `a:${fillUp(' ', 32_000)}1`],
  ['tabs', `a:\n${fillUp('\t', 32_000)}`],
  ['indents', Array.from({ length: 250 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')],
  ["' x", fillUp("'", 31_999)],
  ['" x', fillUp('"a" ', 32_000)],
  ['] x', fillUp(']', 32_000)],
  ['} x', fillUp('}', 32_000)],
  ['bad keys', fillUp('a: b: c\n', 32_000)],
  ['{a:a,a:a,..}', `{${fillUp('a: a,', 32_000)}}`],
  ['{"a":"a",..}', `{${fillUp('"a":"a",', 32_000)}}`],
  ['CR', fillUp('\r', 32_000)],
  ['NUL', fillUp('\0', 32_000)],
  ['numbers', `[${fillUp('0x1,', 32_000)}]`],
  ['? {} ...', fillUp('? {}\n', 32_000)],
  ['? [a]: b', `{${fillUp('? [a]: b,', 32_000)}}`],
]

const cases: readonly Case[] = [
  { name: 'an assign', path: '/ipam/v1/assign?dryRun=All', body: '{}' },
  { name: 'first /docs', method: 'GET', path: '/docs', times: 1 },
  { name: 'first /docs/yaml', method: 'GET', path: '/docs/yaml', times: 1 },
  { name: 'second /docs/yaml', method: 'GET', path: '/docs/yaml', times: 1 },
  { name: 'first /docs/json', method: 'GET', path: '/docs/json', times: 1 },
  { name: 'first /openapi.json', method: 'GET', path: '/openapi.json', times: 1 },
  { name: 'first /openapi-3.0.json', method: 'GET', path: '/openapi-3.0.json', times: 1 },
  { name: 'first /openapi/v3', method: 'GET', path: '/openapi/v3', times: 1 },
  { name: 'first /openapi/v2', method: 'GET', path: '/openapi/v2', times: 1 },
  json('first pool', pool('a', {}), { times: 1 }),
  json('second pool', pool('a', {}), { times: 1 }),
  ...yamlBodies.map(([name, body]): Case => ({ name: `YAML ${name}`, type: yaml, body, path: `${pools}?dryRun=All` })),
  json('19,900 annotations', pool('a', { annotations: members(19_900, label, 'v') })),
  json('19,900 labels', pool('a', { labels: members(19_900, label, 'v') })),
  json('4,900 annotations', pool('a', { annotations: members(4_900, label, 'v') })),
  json('4,900 wrong annotations', pool('a', { annotations: members(4_900, (index) => `k ${String(index)}`, 'v') })),
  json('4,900 labels', pool('a', { labels: members(4_900, label, 'v') })),
  json('4,900 wrong labels', pool('a', { labels: members(4_900, (index) => `k ${String(index)}`, '?') })),
  json('4,900 finalizers', pool('a', { finalizers: Array.from({ length: 4_900 }, (_, index) => label(index)) })),
  json('4,900 wrong finalizers', pool('a', { finalizers: Array.from({ length: 4_900 }, () => '?') })),
  json(
    '970 owners',
    pool('a', {
      ownerReferences: Array.from({ length: 970 }, (_, index) => ({
        apiVersion: 'v1',
        kind: 'a',
        name: 'b',
        uid: label(index),
      })),
    }),
  ),
  json('4,900 empty owners', pool('a', { ownerReferences: Array.from({ length: 4_900 }, () => ({})) })),
  json('4,900 unknown fields', pool('a', byKey('m', 4_900))),
  json('the same, strict', pool('a', byKey('m', 4_900)), { path: `${pools}?dryRun=All&fieldValidation=Strict` }),
  json('4,900 uses', pool('a', {}, { allowedUses: Array.from({ length: 4_900 }, () => 'x') })),
  json('4,900 numbers in uses', pool('a', {}, { allowedUses: Array.from({ length: 4_900 }, () => 1) })),
  json('a selector of 300,000', pool('a', {}, { nodeSelector: fillUp('a=="b"&&', 299_000) })),
  json('1 MiB of 3 annotations', pool('a', { annotations: members(3, label, 'v'.repeat(299_000)) })),
  json('4,900 entries in managedFields', pool('a', { managedFields: Array.from({ length: 4_900 }, () => ({})) })),
  json(
    'PUT with many paths',
    {
      metadata: {
        managedFields: [
          {
            manager: 'm',
            operation: 'Update',
            fieldsType: 'FieldsV1',
            fieldsV1: members(4_800, (index) => `f:${label(index)}`, {}),
          },
        ],
      },
      spec: { cidr: '10.198.0.0/24' },
    },
    { method: 'PUT', path: `${pools}/stored?dryRun=All` },
  ),
  json(
    'merge patch of 4,900 annotations',
    { metadata: { annotations: members(4_900, label, 'v') } },
    { method: 'PATCH', type: mergePatch, path: `${pools}/stored?dryRun=All` },
  ),
  json(
    'apply of 4,900 annotations',
    { metadata: { annotations: members(4_900, label, 'v') }, spec: { cidr: '10.197.0.0/24' } },
    apply,
  ),
  json(
    '1,000 operations',
    Array.from({ length: 990 }, (_, index) => ({
      op: 'add',
      path: `/metadata/annotations/k${String(index)}`,
      value: 'v',
    })),
    { method: 'PATCH', type: 'application/json-patch+json', path: `${pools}/stored?dryRun=All` },
  ),
  json(
    '1,200 operations',
    Array.from({ length: 1_200 }, (_, index) => ({
      op: 'add',
      path: `/metadata/annotations/k${String(index)}`,
      value: 'v',
    })),
    { method: 'PATCH', type: 'application/json-patch+json', path: `${pools}/stored?dryRun=All` },
  ),
  json(
    'operations that copy',
    Array.from({ length: 500 }, (_, index) => ({
      op: 'copy',
      from: '/metadata',
      path: `/metadata/annotations/k${String(index)}`,
    })),
    { method: 'PATCH', type: 'application/json-patch+json', path: `${pools}/stored?dryRun=All` },
  ),
  json(
    '1,200 conditions',
    { status: { conditions: Array.from({ length: 1_200 }, (_, index) => ({ type: label(index), status: 'x' })) } },
    { method: 'PATCH', type: mergePatch, path: `${pools}/stored/status?dryRun=All` },
  ),
  json(
    '4,900 CIDRs',
    {
      metadata: { name: 'r' },
      spec: {
        reservedCIDRs: Array.from({ length: 4_900 }, (_, index) => `10.${String(index >> 8)}.${String(index & 255)}.1`),
      },
    },
    { path: '/apis/projectcalico.org/v3/ipreservations?dryRun=All' },
  ),
  json(
    '4,900 wrong CIDRs',
    { metadata: { name: 'r' }, spec: { reservedCIDRs: Array.from({ length: 4_900 }, () => 'x') } },
    { path: '/apis/projectcalico.org/v3/ipreservations?dryRun=All' },
  ),
  json(
    '4,900 addresses',
    { addresses: Array.from({ length: 4_900 }, (_, index) => label(index)) },
    { path: '/ipam/v1/assign?dryRun=All' },
  ),
  json(
    '4,900 numbers as addresses',
    { addresses: Array.from({ length: 4_900 }, () => 1) },
    { path: '/ipam/v1/assign?dryRun=All' },
  ),
  json(
    '4,900 items to release',
    { addresses: Array.from({ length: 2_400 }, () => ({ a: 1 })) },
    { path: '/ipam/v1/release?dryRun=All' },
  ),
  json('4,900 attributes', { attributes: byKey('a', 4_900) }, { path: '/ipam/v1/assign?dryRun=All' }),
  json(
    '4,900 attributes of a wrong type',
    { attributes: members(4_900, label, 1) },
    { path: '/ipam/v1/assign?dryRun=All' },
  ),
  json('4,900 unknown fields in an assign', byKey('a', 4_900), { path: '/ipam/v1/assign?dryRun=All' }),
  json(
    '1,024 addresses',
    { addresses: Array.from({ length: 1_024 }, (_, index) => `10.199.${String(index >> 8)}.${String(index & 255)}`) },
    { path: '/ipam/v1/assign?dryRun=All' },
  ),
  json('ipv4: 1024', { ipv4: 1_024 }, { path: '/ipam/v1/assign?dryRun=All' }),
  json(
    '4,900 empty lists',
    Array.from({ length: 4_900 }, () => []),
  ),
  json('4,900 names twice', 0, { body: `{${fillUp('"a":1,', 14_800)}"a":1}` }),
  json('1 MiB of colons in a text', 0, {
    body: `{"a":"${fillUp('\\":', 290_000)}","b":"${fillUp('\\":', 290_000)}","c":"${fillUp('\\":', 290_000)}"}`,
  }),
  json('1 MiB of backslashes', 0, { body: `{"a":"${fillUp('\\\\', 500_000)}\\"","a":1}` }),
  json('1 MiB of spaces', 0, { body: fillUp(' ', 1_000_000) }),
  json('1 MiB of [', 0, { body: fillUp('[', 1_000_000) }),
  json('1 MiB of [], as JSON', 0, { body: `[${fillUp('[],', 1_000_000)}[]]` }),
  json('1 MiB of numbers', 0, { body: `[${fillUp('1,', 1_000_000)}1]` }),
  json('1 MiB of {"":0},', 0, { body: `[${fillUp('{"":0},', 1_000_000)}0]` }),
  json('1 MiB of escapes', 0, {
    body: `{"a":["${fillUp('\\u0041', 290_000)}","${fillUp('\\u0041', 290_000)}","${fillUp('\\u0041', 290_000)}"]}`,
  }),
  json('the same as YAML', 0, { type: yaml, body: `[${fillUp('1,', 1_000_000)}1]` }),
  json('1 MiB of one digit', 0, { body: fillUp('1', 1_000_000) }),
  json('1,000,000 chunks', 0, {
    body: `{"handle":"${'h'.repeat(1_000_000)}"}`,
    path: '/ipam/v1/assign?dryRun=All',
    chunkBytes: 1,
  }),
  json('1,000,000 chunks to nowhere', 0, {
    body: `{"handle":"${'h'.repeat(1_000_000)}"}`,
    path: '/nothing',
    chunkBytes: 1,
  }),
  json('1,000,000 chunks of text', 0, {
    body: `{"handle":"${'h'.repeat(1_000_000)}"}`,
    path: '/ipam/v1/assign',
    type: 'text/plain',
    chunkBytes: 1,
  }),
  json('1,000,000 chunks in a GET', 0, {
    method: 'GET',
    body: `{"handle":"${'h'.repeat(1_000_000)}"}`,
    path: '/ipam/v1/assign',
    chunkBytes: 1,
  }),
  json('10,000 chunks', 0, {
    body: `{"handle":"${'h'.repeat(10_000)}"}`,
    path: '/ipam/v1/assign?dryRun=All',
    chunkBytes: 1,
  }),
  json('chunks of 1,024', 0, {
    body: `{"handle":"${'h'.repeat(1_000_000)}"}`,
    path: '/ipam/v1/assign?dryRun=All',
    chunkBytes: 1_024,
    times: 1,
  }),
  { name: 'a label selector of 8 kB', method: 'GET', path: `${pools}?labelSelector=${fillUp('a%21=b,', 7_900)}a` },
  { name: 'a label selector with a set', method: 'GET', path: `${pools}?labelSelector=a+in+(${fillUp('b,', 7_900)}b)` },
  {
    name: 'a field selector of 8 kB',
    method: 'GET',
    path: `${pools}?fieldSelector=${fillUp('metadata.name!=b,', 7_900)}metadata.name!=a`,
  },
  { name: 'an Accept of 8 kB', method: 'GET', path: pools, type: fillUp('a/b,', 7_900) },
]

const filter = process.argv[2] ?? ''
const folder = await mkdtemp(join(tmpdir(), 'ippoold-hostile-'))
const meter = new LoopHoldMeter(folder)
const etcd = await startBenchEtcd()
try {
  const server = await startBenchServer({
    ...meter.environment,
    ETCD_ENDPOINTS: etcd.endpoint,
    IPPOOLD_UPKEEP_INTERVAL_SECONDS: '0',
  })
  // The server makes its document a second after the start.
  await pause(1_500)
  await createPool(server.url, 'stored', '10.198.0.0/24')
  await createPool(server.url, 'bench', '10.199.0.0/20')
  const rows = []
  for (const one of cases.filter(({ name }) => name.includes(filter))) {
    const taken: LoopHold[] = []
    let status = ''
    for (let time = 0; time < (one.times ?? 3); time++) {
      await meter.take(server.pid)
      status = await send(server.url, one)
      taken.push(await meter.take(server.pid))
    }
    const middle = (pick: (one: LoopHold) => number): number =>
      taken.map(pick).sort((left, right) => left - right)[taken.length >> 1] ?? NaN
    const rss = (await resident(server.pid)).peak
    rows.push({
      request: one.name,
      status,
      'hold ms': middle(({ longestMs }) => longestMs),
      most: Math.max(...taken.map(({ longestMs }) => longestMs)),
      'CPU ms': middle(({ cpuMs }) => cpuMs),
      'peak MiB': Math.round(rss),
    })
  }
  printTable(rows)
  await server.stop()
} finally {
  await etcd.stop()
  await rm(folder, { recursive: true, force: true })
}

/** Sends a request over a connection of its own, as fast as it goes; the status of the answer. */
async function send(
  url: string,
  { method = 'POST', path = '', type = 'application/json', body = '', chunkBytes }: Case,
): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const answer = new Promise<string>((resolve) => {
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(/^HTTP\/1.1 (\d+)/.exec(text)?.[1] ?? 'none'))
    socket.on('error', () => resolve(/^HTTP\/1.1 (\d+)/.exec(text)?.[1] ?? 'reset'))
  })
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    'connection: close',
    method === 'GET' ? `accept: */*,${type}` : `content-type: ${type}`,
  ]
  if (chunkBytes === undefined) {
    socket.write(`${[...head, `content-length: ${String(Buffer.byteLength(body))}`].join('\r\n')}\r\n\r\n${body}`)
  } else {
    const pieces = body.match(new RegExp(`.{1,${String(chunkBytes)}}`, 'gs')) ?? []
    socket.write(`${[...head, 'transfer-encoding: chunked'].join('\r\n')}\r\n\r\n`)
    socket.write(`${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`)
  }
  return answer
}
