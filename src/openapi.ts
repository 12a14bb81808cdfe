import { readFile, writeFile } from 'node:fs/promises'
import { openapiDocument } from './http/index.ts'
import { settings } from './settings.ts'

/**
 * Writes the published OpenAPI documents, `openapi/ippoold.json` and the same in OpenAPI 3.0, from the schemas of the routes. With
 * `--check` it writes nothing, and fails when a published document is not what the routes say.
 */

const published = [
  { name: 'openapi/ippoold.json', form: '3.1' },
  { name: 'openapi/ippoold-3.0.json', form: '3.0' },
] as const

const description: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const version =
  typeof description === 'object' && description !== null && 'version' in description ? String(description.version) : ''
const serverUrl = `http://${settings.host.fallback}:${settings.port.fallback}`

for (const { name, form } of published) {
  const file = new URL(`../${name}`, import.meta.url)
  const document = await openapiDocument(version, { form, serverUrl })
  if (!process.argv.includes('--check')) {
    await writeFile(file, document)
    process.stdout.write(`${name} is written\n`)
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== document) {
    process.stderr.write(`${name} is not what the routes say; write it with "npm run openapi" and look at the change\n`)
    process.exitCode = 1
  }
}
