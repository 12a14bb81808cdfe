import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

/** A server to develop against: `IPPOOLD_UI_SERVER=http://127.0.0.1:8080 npx vite ui`. */
const server = process.env['IPPOOLD_UI_SERVER'] ?? 'http://127.0.0.1:8080'
const paths = ['/apis', '/ipam', '/readyz', '/version', '/openapi.json', '/docs', '/ui/config.json']

export const config = defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative, so that the page works below any path.
  base: './',
  resolve: {
    // The selector language and the arithmetic of addresses are those of the server; assertions are all that they use of Node.js.
    alias: { 'node:assert/strict': fileURLToPath(new URL('src/assert.ts', import.meta.url)) },
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
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
