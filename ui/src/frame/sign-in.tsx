import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { signIn, token } from '../api/index.ts'
import { TextField } from '../parts/index.ts'
import { beginOidc, readSignIn, type SignInWays } from './oidc.ts'

/** Asks who calls. Shown instead of a view while the server does not know. */
export function SignIn(): JSX.Element {
  const [secret, setSecret] = useState('')
  const [ways, setWays] = useState<SignInWays>({ acceptsTokens: true, oidc: null })
  const [wasWrong] = useState(token.value !== undefined)
  useEffect(() => {
    void readSignIn().then(setWays)
  }, [])
  const { oidc } = ways
  return (
    <div class="sign-in">
      <img src="./mark.svg" alt="" width={48} height={48} />
      <h1>Sign in to ippoold</h1>
      {wasWrong && (
        <p class="note trouble" role="alert">
          The server does not accept the token: it is wrong, or it has expired.
        </p>
      )}
      {oidc !== null && (
        <button type="button" class="button main" onClick={() => void beginOidc(oidc)}>
          Sign in with {new URL(oidc.issuer).host}
        </button>
      )}
      {ways.acceptsTokens && (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (secret !== '') signIn(secret.trim())
          }}
        >
          <TextField
            label="Token"
            help="An AccessToken of ippoold, a token of the token file, or a JSON Web Token. It stays in this tab."
            value={secret}
            onValue={setSecret}
            isSecret
            isFocused
          />
          <button type="submit" class={oidc === null ? 'button main' : 'button'} disabled={secret === ''}>
            Sign in
          </button>
        </form>
      )}
    </div>
  )
}
