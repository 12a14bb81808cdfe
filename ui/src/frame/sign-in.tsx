import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { signIn, signInProblem, token } from '../api/index.ts'
import { TextField } from '../parts/index.ts'
import { beginOidc, type IdentityProvider, readProvider } from './oidc.ts'

/** Asks who calls. Shown instead of a view while the server does not know. */
export function SignIn(): JSX.Element {
  const [secret, setSecret] = useState('')
  const [provider, setProvider] = useState<IdentityProvider | null>(null)
  const [wasWrong] = useState(token.value !== undefined)
  useEffect(() => {
    void readProvider().then(setProvider)
  }, [])
  return (
    <div class="sign-in">
      <img src="./mark.svg" alt="" width={48} height={48} />
      <h1>Sign in to ippoold</h1>
      {wasWrong && (
        <p class="note trouble" role="alert">
          The server does not accept the token: it is wrong, or it has expired.
        </p>
      )}
      {signInProblem.value !== undefined && (
        <p class="note trouble" role="alert">
          {signInProblem.value}
        </p>
      )}
      {provider !== null && (
        <button type="button" class="button main" onClick={() => void beginOidc(provider)}>
          Sign in at {new URL(provider.issuer).host}
        </button>
      )}
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
        <button type="submit" class={provider === null ? 'button main' : 'button'} disabled={secret === ''}>
          Sign in
        </button>
      </form>
    </div>
  )
}
