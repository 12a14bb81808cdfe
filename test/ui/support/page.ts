import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'

/** A view in a window of its own. */
export interface OpenedPage {
  readonly page: Page
  /** Shows another view: what follows `/ui/` in its address. */
  readonly show: (hash: string) => Promise<void>
}

/** What the browser says to a person who looks for faults, and must not say: refused scripts, exceptions, errors. */
const expected = [/Failed to load resource/, /net::ERR_/]

/** Opens the page of a server. At the end of `use`, no script may have thrown, and nothing may have violated the Content-Security-Policy. */
export async function withPage(
  t: Test,
  browser: Browser,
  url: string,
  options: BrowserContextOptions,
  use: (opened: OpenedPage) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
    ...options,
  })
  try {
    const page = await context.newPage()
    page.setDefaultTimeout(waitMs)
    const faults: string[] = []
    page.on('pageerror', ({ message }) => faults.push(message))
    page.on('console', (message) => {
      const text = message.text()
      if (message.type() === 'error' && !expected.some((pattern) => pattern.test(text))) faults.push(text)
    })
    await page.exposeFunction('reportViolation', (directive: string, what: string) =>
      faults.push(`violates ${directive}: ${what}`),
    )
    await page.addInitScript({
      content: `addEventListener('securitypolicyviolation', (event) => reportViolation(event.violatedDirective, event.blockedURI))`,
    })
    await use({
      page,
      show: async (hash) => {
        await page.goto(`${url}/ui/${hash}`)
      },
    })
    t.strictSame(faults, [], 'no script throws, and the Content-Security-Policy holds')
  } finally {
    await context.close()
  }
}

/** Longer than anything takes on a busy machine. */
const waitMs = 10_000

const shots = fileURLToPath(new URL('../../../docs/ui/', import.meta.url))

/** True if the screenshots of docs/ui are to be made anew: `IPPOOLD_SCREENSHOTS=1`. */
const makesScreenshots = process.env['IPPOOLD_SCREENSHOTS'] === '1'

/** Takes a screenshot for docs/ui, if they are to be made. */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
  if (!makesScreenshots) return
  await mkdir(shots, { recursive: true })
  await page.screenshot({ path: `${shots}${name}.png`, animations: 'disabled' })
}
