import t from 'tap'
import { openSignIn, SignInRefused } from '../../src/access/index.ts'

t.test('where nobody needs a credential, there is nothing to sign in to', async (t) => {
  t.strictSame(openSignIn.ways(), { isNeeded: false, allowsAnonymous: true, provider: undefined })
  const refused: unknown = await openSignIn.redeem({ refreshToken: 'x' }).catch((error: unknown) => error)
  t.ok(refused instanceof SignInRefused)
})
