import { languages } from './languages.ts'
import { toolchainOf } from './toolchain.ts'

/**
 * Makes the SDKs of the published OpenAPI document, in `.sdk/`, and compiles them. Skips a language whose
 * toolchain is missing, and says so.
 */
const { curl: _, ...generated } = languages
for (const language of Object.values(generated)) {
  const { versions, missing } = await toolchainOf(language)
  if (missing.length > 0) {
    console.log(`skipped   ${language.name}: there is no ${missing.join(', no ')}`)
    continue
  }
  await language.generate()
  await language.compile()
  console.log(`compiled  ${language.name}, with ${Object.values(versions).join('; ')}`)
}
