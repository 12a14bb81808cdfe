import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

/** A server to develop against: `IPPOOLD_UI_SERVER=http://127.0.0.1:8080 npx vite ui`. */
const server = process.env['IPPOOLD_UI_SERVER'] ?? 'http://127.0.0.1:8080'
const paths = ['/apis', '/ipam', '/readyz', '/version', '/openapi.json', '/docs', '/ui/config.json']

/** Prints how much script the first view needs, compressed: the entry, and what it imports before it runs. */
const sizeOfFirstView: Plugin = {
  name: 'size-of-first-view',
  generateBundle(_options, bundle) {
    const names = new Set(
      Object.values(bundle).flatMap((file) => (file.type === 'chunk' && file.isEntry ? file.fileName : [])),
    )
    let size = 0
    // A set can grow while it is walked: what is added comes up later.
    for (const name of names) {
      const chunk = bundle[name]
      if (chunk?.type !== 'chunk') continue
      size += gzipSync(chunk.code).length
      for (const imported of chunk.imports) names.add(imported)
    }
    process.stdout.write(`The first view needs ${(size / 1000).toFixed(1)} kB of compressed script, of at most 150.\n`)
  },
}

export const config = defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative, so that the page works below any path.
  base: './',
  resolve: {
    // The selector language and the arithmetic of addresses are those of the server; assertions are all that they use of Node.js.
    alias: { 'node:assert/strict': fileURLToPath(new URL('src/assert.ts', import.meta.url)) },
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [sizeOfFirstView],
  build: {
    outDir: '../dist/ui',
    emptyOutDir: true,
    target: 'es2022',
    // A file within a script would need the exception `data:` in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: server, changeOrigin: true }])) },
})

export { config as default }
