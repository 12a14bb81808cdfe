import t from 'tap'
import { newFinding } from '../../../src/ipam/check/finding.ts'
import { checkCodes } from '../../../src/ipam/index.ts'

t.test('a finding can be repaired as its code says, unless it says otherwise', async (t) => {
  const at = { key: '/key', revision: 7n }
  t.strictSame(newFinding('HandleMissing', { ...at, subject: '10.0.0.0/29' }, 'Gone.'), {
    code: 'HandleMissing',
    key: '/key',
    subject: '10.0.0.0/29',
    message: 'Gone.',
    repair: 'Default',
    revision: 7n,
  })
  t.match(newFinding('BlockSizeWrong', at, 'Full.', 'None'), { subject: undefined, repair: 'None' })
})

t.test('only what takes addresses away must be asked for by name', async (t) => {
  const onRequest = Object.entries(checkCodes).filter(([, { repair }]) => repair === 'OnRequest')
  t.strictSame(onRequest.map(([code]) => code).sort(), ['NodeGone', 'OwnerUnknown'])
})

t.test('what lowers a count or removes a claim waits for clients of Calico to finish', async (t) => {
  const momentary = Object.entries(checkCodes).filter(([, { isMomentary }]) => isMomentary)
  t.strictSame(momentary.map(([code]) => code).sort(), [
    'AffinityOfOther',
    'AffinityUnfinished',
    'AffinityWithoutBlock',
    'HandleBlockMissing',
    'HandleCountTooHigh',
    'HandleWithoutAddresses',
  ])
})
