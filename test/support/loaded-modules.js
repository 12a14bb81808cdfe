import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

// Preloaded with `--import`: writes the URL of each module that the process loads into a file.
const path = process.env['IPPOOLD_TEST_LOADED'] ?? ''
delete process.env['IPPOOLD_TEST_LOADED']
registerHooks({
  load: (url, context, next) => {
    appendFileSync(path, `${url}\n`)
    return next(url, context)
  },
})
