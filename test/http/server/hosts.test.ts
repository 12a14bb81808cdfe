import t from 'tap'
import { hostJudge, type HostSettings } from '../../../src/http/server/hosts.ts'

const local: HostSettings = { listening: '127.0.0.1', allowed: [] }
const remote = (listening: string): HostSettings => ({ listening, machine: 'box.example.org', allowed: [] })

t.test('only hosts that are meant are served', async (t) => {
  const cases: readonly (readonly [HostSettings, served: readonly string[], foreign: readonly string[]])[] = [
    [
      local,
      [
        'localhost',
        'localhost:8080',
        'LocalHost.:1',
        '127.0.0.1',
        '127.9.9.9:80',
        '[::1]:8080',
        '[0:0::0:1]',
        'a.localhost',
      ],
      [
        'example.org',
        'localhost.example.org',
        'evil-localhost',
        '127.0.0.1.nip.io',
        '10.0.0.1',
        '[::2]:8080',
        '2130706433',
        'box',
      ],
    ],
    [
      remote('10.0.0.1'),
      ['10.0.0.1:8080', 'localhost', 'box.example.org.', 'BOX:80'],
      ['10.0.0.2', '[fd00::1]', 'box.org', 'example.org'],
    ],
    [remote('fd00::1'), ['[fd00::1]:8080', '[FD00:0::1]', '127.0.0.1'], ['10.0.0.2', '[fd00::2]']],
    [remote('0.0.0.0'), ['10.0.0.2', '[fd00::2]:1', 'box'], ['example.org', 'box.example.com']],
    [remote('::'), ['10.0.0.2', '[fd00::2]:1'], ['example.org']],
    [remote('ipam.lan'), ['ipam.lan:80', '10.0.0.2'], ['lan', 'www.ipam.lan']],
    [{ ...local, allowed: ['ipam.lan', 'fd00::1'] }, ['IPAM.lan', '[fd00::0:1]'], ['lan', '[fd00::2]']],
    [{ ...local, allowed: ['*'] }, ['example.org', '10.0.0.1'], []],
  ]
  for (const [settings, served, foreign] of cases) {
    const judge = hostJudge(settings)
    for (const host of served) t.equal(judge(host), 'served', `${settings.listening} serves ${host}`)
    for (const host of foreign) t.equal(judge(host), 'foreign', `${settings.listening} does not serve ${host}`)
  }
})

t.test('what is no host is not served as one', async (t) => {
  const texts = [
    '',
    ':80',
    'a b',
    'a:b',
    'a@b',
    '::1',
    '[::1',
    '[1]',
    'a..b',
    '.a',
    'a/b',
    'a,b',
    'localhost:123456',
    'ä',
  ]
  for (const settings of [local, { ...local, allowed: ['*'] }]) {
    for (const text of texts) t.equal(hostJudge(settings)(text), 'unreadable', text)
  }
})
