import t from 'tap'
import { problemOf } from '../scripts/check-commits.ts'

const right = [
  'ipam: give borrowed ordinals last',
  'http, resources: pass the handle on',
  'docs: embed the picture',
  'test: process every page',
  `ipam: give ${'x'.repeat(72 - 'ipam: give '.length)}`,
  'Revert "ipam: the blocks of a node"',
]

const wrong: readonly (readonly [subject: string, problem: RegExp])[] = [
  ['give borrowed ordinals last', /names no area/],
  ['ipam:', /names no area/],
  ['ipam: gives borrowed ordinals last', /begins with "gives"/],
  ['ipam: giving borrowed ordinals last', /begins with "giving"/],
  ['ipam: borrowed ordinals are given last', /begins with "borrowed"/],
  ['ipam: The borrowed ordinals come last', /begins with "the"/],
  ['ipam: 64 blocks', /begins with ""/],
  [`ipam: give ${'x'.repeat(73 - 'ipam: give '.length)}`, /has 73 characters/],
]

for (const subject of right) t.equal(problemOf(subject), undefined, subject)
for (const [subject, problem] of wrong) t.match(problemOf(subject), problem, subject)
