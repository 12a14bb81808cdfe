import type { Page } from 'playwright-core'
import t from 'tap'
import { createPool, poolsPath, startIppoold } from '../support/ippoold.ts'
import { pathOf, skipWithout } from '../support/prometheus.ts'
import { findChromium, startBrowser } from './support/chromium.ts'
import { withPage } from './support/page.ts'
import { buildPage } from './support/served-page.ts'

const found = await findChromium()
const v3 = '/apis/projectcalico.org/v3'

t.test(
  'every action shows what would happen, does it, and says what happened',
  { skip: skipWithout(found) },
  async (t) => {
    await buildPage()
    const { servers, call } = await startIppoold(t)
    const browser = await startBrowser(t, pathOf(found))
    await withPage(t, browser, servers[0]?.url ?? '', {}, async ({ page, show }) => {
      const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' })
      const carryOut = async (name: string): Promise<void> => {
        await dialog(page).getByRole('button', { name, exact: true }).click()
      }
      const close = async (): Promise<void> => {
        await dialog(page).getByRole('button', { name: 'Close', exact: true }).click()
      }

      await t.test('a pool is created by its form, with what is wrong at the field', async (t) => {
        await show('#/')
        await page.getByRole('link', { name: 'Create the first one.' }).click()
        await page.getByLabel('Name', { exact: true }).fill('blue')
        await page.getByLabel('CIDR', { exact: true }).fill('10.8.0.1/24')
        await page.locator('.wrong', { hasText: '10.8.0.0/24' }).waitFor()
        t.ok(await button('Create blue').isDisabled(), 'a wrong pool cannot be created')
        await page.getByLabel('CIDR', { exact: true }).fill('10.8.0.0/24')
        await page.getByText('+   cidr: 10.8.0.0/24').waitFor()
        t.equal((await call('GET', `${poolsPath}/blue`)).status, 404, 'nothing is written before the button')
        await button('Create blue').click()
        await page.getByRole('heading', { name: 'blue' }).waitFor()
        t.match(await call('GET', `${poolsPath}/blue`), {
          status: 200,
          body: { spec: { cidr: '10.8.0.0/24', blockSize: 26 } },
        })
      })

      await t.test('a pool is changed as YAML, and only what was changed is', async (t) => {
        await show('#/pools/blue/edit')
        await button('YAML').click()
        const text = page.getByLabel('The pool as YAML')
        const before = await text.inputValue()
        await text.fill(`${before}  natOutgoing: [\n`)
        await page.locator('.wrong').waitFor()
        await text.fill(`${before}  natOutgoing: true\n`)
        await page.getByText('+   natOutgoing: true').waitFor()
        await button('Change blue').click()
        await page.getByRole('heading', { name: 'blue' }).waitFor()
        t.match((await call('GET', `${poolsPath}/blue`)).body, { spec: { natOutgoing: true, nodeSelector: 'all()' } })
      })

      await t.test('addresses are assigned', async (t) => {
        await show('#/pools/blue')
        await button('Assign').click()
        await dialog(page).getByLabel('Handle', { exact: true }).fill('vm-1')
        await dialog(page).getByLabel('IPv4 addresses').fill('3')
        await dialog(page).getByText('would get 3 addresses').waitFor()
        t.equal((await call('GET', '/ipam/v1/handles/vm-1')).status, 404)
        await carryOut('Assign addresses')
        await dialog(page).getByText('holds 3 addresses').waitFor()
        await close()
        t.equal(addressesOf(await call('GET', '/ipam/v1/handles/vm-1')).length, 3)
      })

      await t.test('a refused assign says why', async () => {
        await show('#/pools/blue')
        await button('Assign').click()
        await dialog(page).getByLabel('IPv4 addresses').fill('900')
        await dialog(page).getByText('Insufficient addresses').waitFor()
        await dialog(page).getByRole('button', { name: 'Cancel' }).click()
      })

      await t.test('one address is released', async (t) => {
        const [address = ''] = addressesOf(await call('GET', '/ipam/v1/handles/vm-1'))
        await show(`#/addresses/${address}`)
        await button(`Release ${address}`).click()
        await dialog(page).getByText('1 address would be released').waitFor()
        await carryOut(`Release ${address}`)
        await dialog(page).getByText('1 address was released').waitFor()
        await close()
        await page.getByText('Nobody holds this address').waitFor()
        t.equal((await call('GET', `/ipam/v1/addresses/${address}`)).status, 404)
      })

      await t.test('everything of a handle is released', async (t) => {
        await show('#/handles/vm-1')
        await button('Release everything').click()
        await dialog(page).getByText('2 addresses would be released').waitFor()
        await carryOut('Release everything of vm-1')
        await dialog(page).getByText('2 addresses were released').waitFor()
        await close()
        t.equal((await call('GET', '/ipam/v1/handles/vm-1')).status, 404)
      })

      await t.test('a pool is drained, and enabled again', async (t) => {
        await show('#/pools/blue')
        await button('Drain').click()
        await dialog(page).getByText('would assign no new addresses').waitFor()
        await carryOut('Drain blue')
        await close()
        t.match((await call('GET', `${poolsPath}/blue`)).body, { spec: { disabled: true } })
        await button('Enable').click()
        await carryOut('Enable blue')
        await close()
        t.match((await call('GET', `${poolsPath}/blue`)).body, { spec: { disabled: false } })
      })

      await t.test('a pool is split', async (t) => {
        await button('Split').click()
        await dialog(page).getByLabel('Parts').selectOption('4')
        await dialog(page).getByText('would be replaced by 4 pools').waitFor()
        await carryOut('Split blue')
        await dialog(page).getByText('is replaced by 4 pools').waitFor()
        await close()
        const { body } = await call('GET', poolsPath)
        t.equal((body['items'] as readonly unknown[]).length, 4)
      })

      await t.test('a pool is deleted', async (t) => {
        await createPool(call, 'gone', { cidr: '10.9.0.0/24' })
        await show('#/pools/gone')
        await button('Delete').click()
        await dialog(page).getByText('would be deleted at once').waitFor()
        await carryOut('Delete gone')
        await dialog(page).getByText('The pool is deleted.').waitFor()
        t.equal((await call('GET', `${poolsPath}/gone`)).status, 404)
      })

      await t.test('a reservation is created, changed and deleted', async (t) => {
        const path = `${v3}/ipreservations/gateways`
        await show('#/reservations')
        await button('New reservation').click()
        await dialog(page).getByLabel('Name', { exact: true }).fill('gateways')
        await dialog(page).getByLabel('Ranges').fill('10.8.0.300')
        await dialog(page).locator('.wrong').waitFor()
        await dialog(page).getByLabel('Ranges').fill('10.8.0.1\n10.8.0.64/30')
        await carryOut('Create the reservation')
        await close()
        t.match((await call('GET', path)).body, { spec: { reservedCIDRs: ['10.8.0.1', '10.8.0.64/30'] } })
        await button('Change').click()
        await dialog(page).getByLabel('Ranges').fill('10.8.0.1')
        await carryOut('Change gateways')
        await close()
        t.match((await call('GET', path)).body, { spec: { reservedCIDRs: ['10.8.0.1'] } })
        await button('Delete').click()
        await carryOut('Delete gateways')
        await close()
        t.equal((await call('GET', path)).status, 404)
      })

      await t.test('a node is labelled, and removed with its addresses', async (t) => {
        await call('POST', `${v3}/nodes`, { metadata: { name: 'node-1', labels: { zone: 'a' } }, spec: {} })
        await call('POST', '/ipam/v1/assign', { handle: 'vm-9', node: 'node-1', ipv4: 2 })
        await show('#/nodes/node-1')
        await button('Change labels').click()
        await dialog(page).getByLabel('Labels').fill('zone=b rack=7')
        await dialog(page).getByText('zone=b').last().waitFor()
        await carryOut('Label node-1')
        await close()
        t.match((await call('GET', `${v3}/nodes/node-1`)).body, { metadata: { labels: { zone: 'b', rack: '7' } } })
        await button('Remove from IPAM').click()
        await dialog(page).getByText('2 addresses stay assigned').waitFor()
        await dialog(page).getByLabel('Also release the addresses').check()
        await dialog(page).getByText('and 2 addresses').waitFor()
        await carryOut('Remove node-1')
        await close()
        t.equal((await call('GET', '/ipam/v1/handles/vm-9')).status, 404)
      })
    })
  },
)

t.test(
  'findings are shown as they are found, and repaired after a dry run',
  { skip: skipWithout(found) },
  async (t) => {
    await buildPage()
    // A handle that counts an address which no block has.
    const handle = { handleID: 'lost', block: { '10.8.0.0/26': 1 }, deleted: false }
    const { servers, call } = await startIppoold(t, {
      stored: { '/calico/ipam/v2/handle/lost': JSON.stringify(handle) },
    })
    const browser = await startBrowser(t, pathOf(found))
    await withPage(t, browser, servers[0]?.url ?? '', {}, async ({ page, show }) => {
      await show('#/check')
      await page.getByRole('heading', { name: /finding/ }).waitFor()
      await page.getByRole('button', { name: 'Repair …' }).click()
      await dialog(page).getByText('Would be repaired').first().waitFor()
      t.notSame((await call('GET', '/ipam/v1/check')).body['findings'], [], 'a dry run repairs nothing')
      await dialog(page)
        .getByRole('button', { name: /^Repair \d+ finding/ })
        .click()
      await dialog(page).getByText('What happened').waitFor()
      await dialog(page).getByText('Repaired', { exact: true }).first().waitFor()
      await dialog(page).getByRole('button', { name: 'Close' }).click()
      await page.getByText('Everything is consistent').waitFor()
      t.strictSame((await call('GET', '/ipam/v1/check')).body['findings'], [])
    })
  },
)

function dialog(page: Page) {
  return page.getByRole('dialog').last()
}

function addressesOf({ body }: { readonly body: Readonly<Record<string, unknown>> }): readonly string[] {
  return (body['addresses'] as readonly { readonly address: string }[]).map(({ address }) => address)
}
