import t from 'tap'
import { formatBlockPath, parseBlockPath } from '../../../src/model/block/cidr.ts'
import { formatCidr, mustParseCidr } from '../../../src/net/index.ts'

const cases = [
  ['10.10.0.8/29', 'ipv4/block/10.10.0.8-29'],
  ['10.0.0.1/32', 'ipv4/block/10.0.0.1-32'],
  ['fd00::40/122', 'ipv6/block/fd00::40-122'],
  ['fd00:1:2:3::/122', 'ipv6/block/fd00:1:2:3::-122'],
  ['::/116', 'ipv6/block/::-116'],
] as const

t.test('a block is written into a key with a dash', (t) => {
  for (const [cidr, path] of cases) {
    t.equal(formatBlockPath(mustParseCidr(cidr)), path)
    const parsed = parseBlockPath(path)
    t.equal(parsed && formatCidr(parsed), cidr)
  }
  t.end()
})

t.test('another spelling of the same block is not a key that anybody writes', (t) => {
  const wrong = [
    'ipv4/block/10.10.0.9-29',
    'ipv6/block/10.10.0.8-29',
    'ipv4/block/10.10.0.8',
    'ipv4/block/10.10.0.8-33',
    'ipv4/block/010.10.0.8-29',
    'ipv4/block/10-10-0-8-29',
    'ipv4/10.10.0.8-29',
    'ipv4/block/10.10.0.8/29',
    'ipv4/block/',
    'ipv6/block/FD00::40-122',
    'ipv6/block/fd00:0::40-122',
    'ipv6/block/::ffff:10.0.0.0-122',
    '',
  ]
  for (const path of wrong) t.equal(parseBlockPath(path), undefined, path)
  t.end()
})
