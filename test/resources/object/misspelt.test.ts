import t from 'tap'
import { isMisspelt } from '../../../src/resources/object/misspelt.ts'

t.test('a name is misspelt if it has at most two wrong, missing or additional letters, in any case', async (t) => {
  const cases: [name: string, isMisspelt: boolean][] = [
    ['blockSize', false],
    ['blokSize', true],
    ['blocksize', true],
    ['BlockSize', true],
    ['block_size', true],
    ['blockSizes', true],
    ['blockSiezs', true],
    ['blokSiz', true],
    ['blkSz', false],
    ['size', false],
    ['nodeSelector', false],
    ['', false],
  ]
  for (const [name, want] of cases) t.equal(isMisspelt(name, 'blockSize'), want, name)
  t.equal(isMisspelt('', ''), false)
})
