import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { buildPage } from './support/served-page.ts'

const folder = fileURLToPath(new URL('../../dist/ui/', import.meta.url))
const sizeMax = 150_000

t.test('the first view needs at most 150 kB of compressed script', async (t) => {
  await buildPage()
  const scripts = await firstScripts()
  t.ok(scripts.size > 0)
  const sizes = await Promise.all([...scripts].map(async (name) => gzipSync(await readFile(folder + name)).length))
  const size = sizes.reduce((sum, one) => sum + one, 0)
  t.ok(size <= sizeMax, `${size} bytes in ${scripts.size} files`)
})

t.test('nothing in the page is inline, or comes from elsewhere', async (t) => {
  const html = await readFile(`${folder}index.html`, 'utf8')
  t.notMatch(html, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/)
  t.notMatch(html, /https?:\/\//)
})

/** The scripts that the page names, and those that they import before they run. */
async function firstScripts(): Promise<ReadonlySet<string>> {
  const html = await readFile(`${folder}index.html`, 'utf8')
  const scripts = new Set(Array.from(html.matchAll(/"\.\/(assets\/[^"]+\.js)"/g), ([, name]) => name ?? ''))
  // A set can grow while it is walked: what is added comes up later.
  for (const script of scripts) {
    const text = await readFile(folder + script, 'utf8')
    for (const [, name] of text.matchAll(/(?:from|^import|;import)\s*["']\.\/([^"']+\.js)["']/g))
      scripts.add(`assets/${name ?? ''}`)
  }
  return scripts
}
