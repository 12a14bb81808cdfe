import { readFile, writeFile } from 'node:fs/promises'
import openapiTS from 'openapi-typescript'
import ts from 'typescript'
import packageJson from '../package.json' with { type: 'json' }
import { settings } from '../src/settings.ts'
import { openapiDocument } from './openapi-document.ts'

/**
 * Writes the published OpenAPI documents: `openapi/ippoold.json`, and the same in OpenAPI 3.0; and of the first, the types that the
 * command line calls a server by, `openapi/ippoold.d.ts`. With `--check` it writes nothing, and fails if a file differs from what the
 * routes say.
 */

const serverUrl = `http://${settings.host.fallback}:${settings.port.fallback}`
const document = await openapiDocument(packageJson.version, { form: '3.1', serverUrl })
const published = {
  'openapi/ippoold.json': document,
  'openapi/ippoold-3.0.json': await openapiDocument(packageJson.version, { form: '3.0', serverUrl }),
  'openapi/ippoold.d.ts': await typesOf(document),
}

for (const [name, text] of Object.entries(published)) {
  const file = new URL(`../${name}`, import.meta.url)
  if (!process.argv.includes('--check')) {
    await writeFile(file, text)
    process.stdout.write(`${name} is written\n`)
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
    process.stderr.write(`${name} differs from what the routes say; run "npm run openapi" and review the change\n`)
    process.exitCode = 1
  }
}

/** The types of a document. Without its descriptions, which the document has, they are half as long. */
async function typesOf(document: string): Promise<string> {
  const nodes = ts.factory.createNodeArray(await openapiTS(document))
  const printer = ts.createPrinter({ removeComments: true })
  const file = ts.createSourceFile('ippoold.d.ts', '', ts.ScriptTarget.Latest, false, ts.ScriptKind.TS)
  return `// Written by "npm run openapi".\n${printer.printList(ts.ListFormat.MultiLine, nodes, file)}`
}
