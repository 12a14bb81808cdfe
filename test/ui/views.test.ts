import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startIppoold } from '../support/ippoold.ts'
import { pathOf, skipWithout } from '../support/prometheus.ts'
import { findChromium, startBrowser } from './support/chromium.ts'
import { takeScreenshot, withPage } from './support/page.ts'
import { buildPage } from './support/served-page.ts'
import { fillWorld } from './support/world.ts'

const found = await findChromium()
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Each view: the name of its screenshot, its address, and a text that it shows once it has read what it needs. */
const views: readonly (readonly [name: string, hash: string, shown: string])[] = [
  ['pools', '#/', 'Nearly full'],
  ['pool', '#/pools/core', 'Serves 12 of 12 nodes'],
  ['pool-of-addresses', '#/pools/blue', 'Serves 4 of 12 nodes'],
  ['pool-of-ipv6', '#/pools/six', 'Serves 12 of 12 nodes'],
  ['block', '#/blocks/192.168.10.0%2F28', 'edge-gateway'],
  ['addresses', '#/addresses', 'Held ('],
  ['search', '#/addresses?q=edge-gateway', 'Held (55)'],
  ['address', '#/addresses/192.168.10.5', 'Sequence number'],
  ['free-address', '#/addresses/10.77.1.2', 'Nobody holds this address'],
  ['handle', '#/handles/edge-gateway', 'Holds (55)'],
  ['nodes', '#/nodes', 'All nodes (12)'],
  ['node', '#/nodes/rack-a-1', 'Pools that serve it (6)'],
  ['reservations', '#/reservations', 'gateways'],
  ['check', '#/check', 'Everything is consistent'],
  ['try-assign', '#/try/assign?handle=vm&node=rack-b-1&ipv4=2', 'it fits the request'],
  ['try-selector', "#/try/selector?text=zone+%3D%3D+'a'", 'Matches 4 of 12 nodes'],
  ['new-pool', '#/new-pool', 'Fill in the name'],
  ['edit-pool', '#/pools/blue/edit', 'Nothing is changed yet'],
  ['nowhere', '#/nowhere', 'Nothing is here'],
]

t.test(
  'each view shows what it is for, is accessible, and keeps to the policy',
  { skip: skipWithout(found) },
  async (t) => {
    await buildPage()
    const { servers, call } = await startIppoold(t)
    await fillWorld(call)
    const browser = await startBrowser(t, pathOf(found))
    const url = servers[0]?.url ?? ''
    for (const colorScheme of ['light', 'dark'] as const) {
      await t.test(`in the ${colorScheme}`, async (t) => {
        await withPage(t, browser, url, { colorScheme }, async ({ page, show }) => {
          for (const [name, hash, shown] of views) {
            await show(hash)
            await page.getByText(shown).first().waitFor()
            await mapIsDrawn(page)
            t.strictSame(await violationsOf(page), [], `axe finds nothing in ${name}`)
            await takeScreenshot(page, `${name}-${colorScheme}`)
          }
        })
      })
    }
    await t.test('on a phone, nothing is wider than the screen', async (t) => {
      await withPage(
        t,
        browser,
        url,
        { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
        async ({ page, show }) => {
          for (const [name, hash, shown] of views) {
            await show(hash)
            await page.getByText(shown).first().waitFor()
            await mapIsDrawn(page)
            t.equal(await page.evaluate('document.documentElement.scrollWidth'), 390, name)
            if (['pools', 'pool', 'addresses'].includes(name)) await takeScreenshot(page, `${name}-phone`)
          }
        },
      )
    })
  },
)

/** A map has read its cells once it says how many there are. */
async function mapIsDrawn(page: Page): Promise<void> {
  const map = page.locator('.map-frame')
  if ((await map.count()) > 0) await page.locator('.map-frame[data-cells]').waitFor()
}

/** What axe finds, by rule and place. It runs by the browser's tools, to which no policy of the page applies. */
async function violationsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary ?? ''}`),
  )
}
