import { readFile, writeFile } from 'node:fs/promises'
import packageJson from '../package.json' with { type: 'json' }
import { settings } from '../src/settings.ts'
import { openapiDocument } from './openapi-document.ts'

/**
 * Writes the published OpenAPI documents: `openapi/ippoold.json`, and the same in OpenAPI 3.0. With `--check` it writes nothing, and
 * fails if a published document differs from what the routes say.
 */

const published = [
  { name: 'openapi/ippoold.json', form: '3.1' },
  { name: 'openapi/ippoold-3.0.json', form: '3.0' },
] as const

const serverUrl = `http://${settings.host.fallback}:${settings.port.fallback}`

for (const { name, form } of published) {
  const file = new URL(`../${name}`, import.meta.url)
  const document = await openapiDocument(packageJson.version, { form, serverUrl })
  if (!process.argv.includes('--check')) {
    await writeFile(file, document)
    process.stdout.write(`${name} is written\n`)
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== document) {
    process.stderr.write(`${name} differs from what the routes say; run "npm run openapi" and review the change\n`)
    process.exitCode = 1
  }
}
