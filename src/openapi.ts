import { readFile, writeFile } from 'node:fs/promises'
import { openapiDocument } from './http/index.ts'

/**
 * Writes the published OpenAPI document, `openapi/ippoold.json`, from the schemas of the routes. With `--check` it writes nothing,
 * and fails when the published document is not what the routes say.
 */

const published = new URL('../openapi/ippoold.json', import.meta.url)
const description: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const version =
  typeof description === 'object' && description !== null && 'version' in description ? String(description.version) : ''
const document = await openapiDocument(version)

if (!process.argv.includes('--check')) {
  await writeFile(published, document)
  process.stdout.write('openapi/ippoold.json is written\n')
} else if ((await readFile(published, 'utf8').catch(() => '')) !== document) {
  process.stderr.write(
    'openapi/ippoold.json is not what the routes say; write it with "npm run openapi" and look at the change\n',
  )
  process.exitCode = 1
}
