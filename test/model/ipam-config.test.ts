import t from 'tap'
import { defaultIpamConfig, type IpamConfig, ipamConfigKey, ipamConfigs } from '../../src/model/index.ts'

function mustDecode(text: string): IpamConfig {
  const decoded = ipamConfigs.decode(ipamConfigKey.text, text)
  if (!decoded.ok) throw new Error(decoded.problem)
  return decoded.value
}

t.test('there is one key', (t) => {
  t.equal(ipamConfigKey.text, '/calico/ipam/v2/config')
  t.equal(ipamConfigKey.family, ipamConfigs)
  t.match(ipamConfigs.decode('/calico/ipam/v2/config2', '{}'), { ok: false, problem: /config2: not the key/ })
  t.end()
})

t.test('the defaults are those of Calico', (t) => {
  const text = '{"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Enabled"}'
  t.equal(ipamConfigs.encode(defaultIpamConfig), text)
  t.same(mustDecode(text), defaultIpamConfig)
  t.end()
})

t.test('what is stored is not mixed with the defaults', (t) => {
  t.match(mustDecode('{}'), {
    strictAffinity: false,
    autoAllocateBlocks: false,
    maxBlocksPerHost: 0,
    kubeVirtVMAddressPersistence: undefined,
    ipCooldownSeconds: 0,
  })
  t.end()
})

t.test('configurations come back byte for byte', (t) => {
  const texts = [
    '{}',
    '{"strict_affinity":true}',
    '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":20,"kubeVirtVMAddressPersistence":"Disabled","ipCooldownSeconds":60}',
    '{"ipCooldownSeconds":-1,"1":1795406400123456789,"later":null}',
  ]
  for (const text of texts) t.equal(ipamConfigs.encode(mustDecode(text)), text)
  t.end()
})

t.test('what Go would leave out is left out', (t) => {
  const text =
    '{"strict_affinity":false,"auto_allocate_blocks":null,"maxBlocksPerHost":0,"kubeVirtVMAddressPersistence":"","IPCooldownSeconds":5}'
  t.equal(ipamConfigs.encode(mustDecode(text)), '{"ipCooldownSeconds":5}')
  t.end()
})

t.test('what cannot be read is a problem', (t) => {
  const cases: [text: string, problem: RegExp][] = [
    ['{"strict_affinity":"true"}', /^strict_affinity: /],
    ['{"auto_allocate_blocks":1}', /^auto_allocate_blocks: /],
    ['{"maxBlocksPerHost":1.5}', /^maxBlocksPerHost: /],
    ['{"kubeVirtVMAddressPersistence":true}', /^kubeVirtVMAddressPersistence: /],
    ['{"ipCooldownSeconds":"1"}', /^ipCooldownSeconds: /],
    ['', /^not JSON: /],
  ]
  for (const [text, problem] of cases)
    t.match(ipamConfigs.decode(ipamConfigKey.text, text), { ok: false, problem }, text)
  t.end()
})
