import t from 'tap'
import { LastUses, planStoreUses } from '../../src/authentication/last-uses.ts'
import { type AccessToken, accessTokenKey } from '../../src/model/index.ts'
import type { Plan, View } from '../../src/plan/index.ts'
import { FakeView } from '../support/fake-view.ts'

const quiet = { info: () => undefined, warn: () => undefined }
const second = 1_000_000_000n
const start = 1_795_406_400n * second

function viewWith(...names: readonly string[]): FakeView {
  const view = new FakeView()
  for (const name of names) {
    const object = { metadata: { name, uid: `uid of ${name}` }, spec: { user: 'ci' }, status: { tokenSHA256: 'ab' } }
    view.putText(accessTokenKey(name).text, JSON.stringify(object))
  }
  return view
}

function tokenIn(view: FakeView, name: string): AccessToken | undefined {
  const found = view.get(accessTokenKey(name))
  return found.kind === 'value' ? found.value : undefined
}

const use = (name: string, at: bigint) => ({ name, uid: `uid of ${name}`, at })

t.test('a use is stored, beside everything else', async (t) => {
  const view = viewWith('a', 'b')
  view.apply(planStoreUses(view, [use('a', start), use('b', start + 5n * second)]))
  t.match(tokenIn(view, 'a'), { lastUsedAt: start, hash: 'ab', user: 'ci' })
  t.match(tokenIn(view, 'b'), { lastUsedAt: start + 5n * second })
})

t.test('a token that is gone, was made anew, or was used later by another server is left alone', async (t) => {
  const view = viewWith('a')
  view.apply(planStoreUses(view, [use('a', start)]))
  const uses = [
    use('a', start - second),
    use('a', start),
    { ...use('a', start + second), uid: 'another' },
    use('gone', start),
  ]
  for (const one of uses) t.strictSame(planStoreUses(view, [one]).writes, [])
})

t.test('for each token one use a minute is stored, and tried again if the datastore fails', async (t) => {
  const view = viewWith('a')
  const clock = { at: start }
  let isDown = true
  let stored = 0
  const store = {
    submit: async <Answer>(plan: (view: View) => Plan<Answer>) => {
      if (isDown) throw new Error('down')
      const made = plan(view)
      stored += made.writes.length
      view.apply(made)
      return { answer: made.answer, revision: 1n }
    },
  }
  const uses = new LastUses(() => clock.at, quiet, { freshSeconds: 60, intervalMs: 10 })
  const note = (): void => {
    const { name = '', uid = '', user = '', groups = [], expiresAt, lastUsedAt } = tokenIn(view, 'a') ?? {}
    uses.note({ name, uid, user, groups, expiresAt, lastUsedAt })
  }
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))
  uses.start(store)
  note()
  await settle()
  t.equal(tokenIn(view, 'a')?.lastUsedAt, undefined)
  isDown = false
  await settle()
  t.equal(tokenIn(view, 'a')?.lastUsedAt, start)
  clock.at += 59n * second
  note()
  await settle()
  t.equal(stored, 1)
  clock.at += second
  note()
  await uses.stop()
  t.equal(stored, 2, 'the stop stores what was noted')
  t.equal(tokenIn(view, 'a')?.lastUsedAt, start + 60n * second)
})
