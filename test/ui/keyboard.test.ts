import { readFile } from 'node:fs/promises'
import t from 'tap'
import { startIppoold } from '../support/ippoold.ts'
import { pathOf, skipWithout } from '../support/prometheus.ts'
import { findChromium, startBrowser } from './support/chromium.ts'
import { withPage } from './support/page.ts'
import { buildPage } from './support/served-page.ts'
import { fillWorld } from './support/world.ts'

const found = await findChromium()

t.test('the keyboard alone finds, zooms, opens and saves', { skip: skipWithout(found) }, async (t) => {
  await buildPage()
  const { servers, call } = await startIppoold(t)
  await fillWorld(call)
  const browser = await startBrowser(t, pathOf(found))
  await withPage(t, browser, servers[0]?.url ?? '', {}, async ({ page, show }) => {
    const searches: readonly (readonly [typed: string, kind: string, hash: RegExp])[] = [
      ['192.168.10.7', 'address', /#\/addresses\/192\.168\.10\.7$/],
      ['edge-gate', 'handle', /#\/handles\/edge-gateway$/],
      ['rack-b-3', 'node', /#\/nodes\/rack-b-3$/],
      ['load-bal', 'pool', /#\/pools\/load-balancers$/],
      ['gateways', 'reservation', /#\/reservations$/],
    ]
    for (const [typed, kind, hash] of searches) {
      await t.test(`/ finds the ${kind} ${typed}`, async (t) => {
        await show('#/check')
        await page.getByText('Everything is consistent').waitFor()
        await page.keyboard.press('/')
        await page.keyboard.type(typed)
        await page.locator('[role=option]', { hasText: kind }).first().waitFor()
        const options = await page.locator('[role=option] .kind').allTextContents()
        for (let step = 0; step < options.indexOf(kind); step++) await page.keyboard.press('ArrowDown')
        await page.keyboard.press('Enter')
        await page.waitForURL(hash)
        t.match(page.url(), hash)
      })
    }

    await t.test('on the map, Enter goes nearer down to an address, and Backspace back', async (t) => {
      await show('#/pools/edge')
      const map = page.getByRole('application')
      await page.locator('.map-frame[data-cells]').waitFor()
      await map.focus()
      await page.keyboard.press('ArrowRight')
      for (let step = 0; step < 4; step++) await page.keyboard.press('ArrowRight')
      await page.getByText('192.168.10.4: in use').waitFor()
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: '192.168.10.4' }).waitFor()
      await show('#/pools/core')
      await page.locator('.map-frame[data-cells]').waitFor()
      await map.focus()
      await page.keyboard.press('ArrowDown')
      await page.getByText('10.0.0.0/24: ').waitFor()
      await page.keyboard.press('Enter')
      await page.waitForURL(/at=10\.0\.0\.0%2F16$/)
      await map.focus()
      await page.keyboard.press('Backspace')
      await page.waitForURL(/#\/pools\/core$/)
      t.pass()
    })

    await t.test('in a list, arrows move and Enter opens', async (t) => {
      await show('#/nodes')
      await page.getByRole('link', { name: 'rack-a-1' }).waitFor()
      await page.getByRole('table', { name: 'Nodes' }).focus()
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'rack-a-2' }).waitFor()
      t.pass()
    })

    await t.test('a list is saved as CSV and as JSON, and shown as curl', async (t) => {
      await show('#/addresses?q=front')
      await page.getByText('Held (9)').waitFor()
      const saved = async (name: string): Promise<string> => {
        await page.getByRole('button', { name: 'Show as' }).click()
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('button', { name }).click(),
        ])
        return readFile(await download.path(), 'utf8')
      }
      const csv = await saved('Save as CSV')
      t.match(csv, /^Address,Handle,Node,Pool,Attributes,Since\r\n203\.0\.113\.\d+,front,/)
      t.equal(csv.trimEnd().split('\r\n').length, 10)
      t.equal((JSON.parse(await saved('Save as JSON')) as readonly unknown[]).length, 9)
      await page.getByRole('button', { name: 'Show as' }).click()
      await page.getByRole('button', { name: 'Show as curl' }).click()
      await page.getByText(/^curl -sS 'http:.*\/ipam\/v1\/addresses\?q=front/).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    })
  })
})
