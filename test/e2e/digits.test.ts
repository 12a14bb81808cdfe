import { request } from 'undici'
import t from 'tap'
import { poolsPath, startIppoold } from '../support/ippoold.ts'

/** What a newer Calico stores is put back as it was, digit by digit: no program between etcd and a client may round a number. */

const key = '/calico/resources/v3/projectcalico.org/ippools/future'
const odd = '9007199254740993,"share":1.10,"tiny":1e-400,"zero":-0,"list":[18446744073709551615,1.0]'
const stored = `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"future","uid":"1","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"10.70.0.0/16","vxlanMode":"Never","ipipMode":"Never","blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic","weight":${odd}}}`

const { keys, servers } = await startIppoold(t, { stored: { [key]: stored } })
const url = `${servers[0]?.url ?? ''}${poolsPath}/future`

async function send(method: 'GET' | 'PUT' | 'PATCH', body?: string, type = 'application/json') {
  const { statusCode, body: answer } = await request(url, {
    method,
    headers: { 'content-type': type },
    ...(body !== undefined && { body }),
  })
  return { status: statusCode, text: await answer.text() }
}

async function storedOdd(): Promise<string | undefined> {
  return /"weight":([^\]]*\])/.exec((await keys.get(key))?.text ?? '')?.[1]
}

t.test('what was read is put back, also as YAML, and nothing is written', async (t) => {
  const { text } = await send('GET')
  t.match(text, odd)
  const before = await keys.get(key)
  for (const type of ['application/json', 'application/yaml']) {
    t.match(await send('PUT', text, type), { status: 200, text: odd }, type)
  }
  t.match(await send('PUT', text.replace(/^\{/, '{ # YAML\n'), 'application/yaml'), { status: 200, text: odd })
  t.strictSame(await keys.get(key), before)
})

t.test('changes beside them keep them', async (t) => {
  const { text } = await send('GET')
  t.match(await send('PUT', text.replace('"Automatic"', '"Manual"')), { status: 200, text: odd })
  t.equal(await storedOdd(), odd)
  t.equal((await send('PATCH', '{"spec":{"disabled":true}}', 'application/merge-patch+json')).status, 200)
  t.equal(await storedOdd(), odd)
  const patch = '[{"op":"test","path":"/spec/weight","value":9007199254740993},{"op":"remove","path":"/spec/disabled"}]'
  t.equal((await send('PATCH', patch, 'application/json-patch+json')).status, 200)
  t.equal(await storedOdd(), odd)
})

t.test('another number is told apart, however large it is', async (t) => {
  const patch = '[{"op":"test","path":"/spec/weight","value":9007199254740992}]'
  t.equal((await send('PATCH', patch, 'application/json-patch+json')).status, 422)
  const { text } = await send('GET')
  const changed = text.replace('9007199254740993', '9007199254740992')
  const refused = await request(`${url}?fieldValidation=Strict`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: changed,
  })
  t.match({ status: refused.statusCode, text: await refused.body.text() }, { status: 400, text: 'spec.weight' })
  t.equal(await storedOdd(), odd)
})
