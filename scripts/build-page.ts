import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

/**
 * Builds the page for people with Vite, into `dist/ui`, and writes a compressed file beside each that shrinks. npm runs this after `npm install`
 * in a clone; where Vite was not installed (`--omit=dev`), the server has no page, and says so.
 */

const root = fileURLToPath(new URL('../', import.meta.url))
const configFile = join(root, 'ui', 'vite.config.ts')
const compressible = new Set(['.css', '.html', '.js', '.json', '.svg', '.webmanifest'])

/** Smaller files fit into one packet, compressed or not. */
const sizeMin = 1_024

async function build(): Promise<void> {
  // npm has not installed what is only needed for development.
  if (!existsSync(join(root, 'node_modules', 'vite'))) {
    console.log('The page is not built: Vite is not installed (npm install --include=dev).')
    return
  }
  const vite = await import('vite')
  const { build: built } = await vite.resolveConfig({ configFile, logLevel: 'warn' }, 'build')
  await vite.build({ configFile, logLevel: 'warn' })
  compress(join(root, 'ui', built.outDir))
}

function compress(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || !compressible.has(extname(entry.name))) continue
    const content = readFileSync(path)
    if (content.length < sizeMin) continue
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length }
    writeFileSync(`${path}.br`, brotliCompressSync(content, { params }))
    writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }))
  }
}

await build()
