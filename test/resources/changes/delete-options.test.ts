import t from 'tap'
import { readDeleteOptions } from '../../../src/resources/index.ts'

t.test('a delete needs no body', (t) => {
  for (const body of [undefined, null, {}, { preconditions: {} }, { dryRun: [] }, { dryRun: null }]) {
    t.match(readDeleteOptions(body), { ok: true, value: { isDryRun: false } })
  }
  t.end()
})

t.test('a delete can be a dry run, and have preconditions', (t) => {
  const body = {
    kind: 'DeleteOptions',
    apiVersion: 'projectcalico.org/v3',
    preconditions: { uid: 'u', resourceVersion: '7' },
    dryRun: ['All'],
    propagationPolicy: 'Background',
    orphanDependents: false,
    gracePeriodSeconds: 0,
  }
  t.strictSame(readDeleteOptions(body), {
    ok: true,
    value: { preconditions: { uid: 'u', resourceVersion: '7' }, isDryRun: true },
  })
  t.end()
})

t.test('unknown options are refused', (t) => {
  const rows: readonly (readonly [name: string, body: unknown, message: RegExp])[] = [
    ['a list', [], /must be an object/],
    ['a text', 'x', /must be an object/],
    ['an unknown field', { precondition: {} }, /unknown field "precondition"/],
    ['an unknown precondition', { preconditions: { name: 'x' } }, /unknown field "preconditions.name"/],
    [
      'a number',
      { preconditions: { resourceVersion: 7 } },
      /preconditions.resourceVersion: Invalid value: 7: must be a string/,
    ],
    ['another kind of dry run', { dryRun: ['Some'] }, /dryRun: supported values: "All"/],
    ['a dry run that is no list', { dryRun: 'All' }, /dryRun: Invalid value: "All": must be a list/],
  ]
  for (const [name, body, message] of rows) {
    t.match(readDeleteOptions(body), { ok: false, refusal: { reason: 'BadRequest', message } }, name)
  }
  t.end()
})
