import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { createPolicy, tokenOf, writeTokens } from '../support/access.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { HttpClient } from '../support/http-client.ts'
import { createPool } from '../support/ippoold.ts'
import { startIssuer, type TestIssuer } from '../support/issuer.ts'
import { pathOf, skipWithout } from '../support/prometheus.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { findChromium, startBrowser } from './support/chromium.ts'
import { takeScreenshot, withPage } from './support/page.ts'
import { Provider } from './support/provider.ts'
import { buildPage } from './support/served-page.ts'

const found = await findChromium()
await buildPage()

t.test(
  'people sign in at an identity provider, and stay so until they sign out',
  { skip: skipWithout(found) },
  async (t) => {
    const issuer = await startIssuer(t)
    const provider = new Provider(issuer)
    const url = await startWithIssuer(t, issuer)
    const browser = await startBrowser(t, pathOf(found))
    // The browser knows no authority of tests.
    const options = { ignoreHTTPSErrors: true }

    await t.test('with a code that is traded for a token, to the view that they wanted', async (t) => {
      await withPage(t, browser, url, options, async ({ page, show }) => {
        await show('#/pools/blue')
        await signInButton(page).waitFor()
        await takeScreenshot(page, 'sign-in-light')
        await signIn(page)
        await page.getByRole('heading', { name: 'blue' }).waitFor()
        t.equal(page.url(), `${url}/ui/#/pools/blue`, 'neither code nor state stays in the address')
        t.match(provider.asked, [
          {
            response_type: 'code',
            client_id: 'ippoold',
            redirect_uri: `${url}/ui/`,
            scope: 'openid groups',
            code_challenge_method: 'S256',
            nonce: /^.{43}$/,
            state: /^.{43}$/,
          },
        ])
        await page.reload()
        await page.getByRole('heading', { name: 'blue' }).waitFor()
        await page.getByRole('button', { name: 'Sign out' }).click()
        await signInButton(page).waitFor()
        t.equal(await stored(page), '{}', 'nothing is kept')
        await page.reload()
        await signInButton(page).waitFor()
      })
    })

    await t.test('with tokens that are renewed before they end, for as long as the provider does', async (t) => {
      provider.lifetimeSeconds = 4
      await withPage(t, browser, url, options, async ({ page, show }) => {
        await show('#/pools/blue')
        await signIn(page)
        await page.getByRole('heading', { name: 'blue' }).waitFor()
        const refused: string[] = []
        page.on('response', (response) => {
          if (response.status() === 401) refused.push(response.url())
        })
        await until('the token was renewed twice', () => (provider.renewals >= 2 ? true : undefined))
        t.ok(await page.getByRole('heading', { name: 'blue' }).isVisible())
        t.strictSame(refused, [], 'no call was sent with a token that had ended')
        provider.renews = false
        await page.getByText('The identity provider has ended the sign-in').waitFor()
        t.equal(await stored(page), '{}')
        Object.assign(provider, { renews: true, lifetimeSeconds: 600 })
        await signIn(page)
        await page.getByRole('heading', { name: 'blue' }).waitFor()
      })
    })

    await t.test('but not with what they did not ask for', async (t) => {
      await withPage(t, browser, url, options, async ({ page, show }) => {
        await show('?code=of-somebody-else&state=guessed#/pools/blue')
        await page.getByText('The sign-in was begun in another tab').waitFor()
        provider.nonce = 'of another sign-in'
        await signIn(page)
        await page.getByText('not issued for this sign-in').waitFor()
        t.equal(await stored(page), '{}')
        provider.nonce = undefined
        await signInButton(page).click()
        await page.getByRole('link', { name: 'Go away' }).click()
        await page.getByText('The provider refused: alice has no business there.').waitFor()
      })
    })
  },
)

/** A server on which `alice` of this issuer may read. Returns its URL. */
async function startWithIssuer(t: Test, { url, authority }: TestIssuer): Promise<string> {
  const configFile = join(await temporaryFolder(t), 'authentication.yaml')
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: { url, certificateAuthority: authority, audiences: ['ippoold'] },
        claimMappings: { username: { claim: 'sub', prefix: '' } },
      },
    ],
  }
  await writeFile(configFile, stringify(configuration))
  const etcd = await startEtcd(t)
  const server = await startServer(t, {
    env: {
      ETCD_ENDPOINTS: etcd.endpoint,
      IPPOOLD_TOKEN_FILE: await writeTokens(t, {}),
      IPPOOLD_AUTH_CONFIG_FILE: configFile,
      IPPOOLD_UI_OIDC_CLIENT_ID: 'ippoold',
      IPPOOLD_UI_OIDC_SCOPES: 'openid groups',
    },
  })
  const client = new HttpClient(t, server.url)
  const call: HttpClient['call'] = (method, path, body) =>
    client.call(method, path, body, undefined, { authorization: `Bearer ${tokenOf('root')}` })
  await createPool(call, 'blue', { cidr: '10.8.0.0/24' })
  await createPolicy(call, 'readers', {
    subjects: [{ kind: 'User', name: 'alice' }],
    rules: [{ verbs: ['get', 'list', 'watch'], resources: ['*'] }],
  })
  return server.url
}

function signInButton(page: Page) {
  return page.getByRole('button', { name: 'Sign in at localhost' })
}

async function signIn(page: Page): Promise<void> {
  await signInButton(page).click()
  await page.getByRole('link', { name: 'I am alice' }).click()
}

/** What the page keeps in this tab, as JSON. */
function stored(page: Page): Promise<string> {
  return page.evaluate('JSON.stringify(sessionStorage)')
}
