import t from 'tap'
import { languages } from '../../sdk/languages.ts'
import { toolchainOf } from '../../sdk/toolchain.ts'
import { testExample } from './example.ts'

/** `npm run test:sdk`: every SDK is made anew and compiled, and every example is run. What cannot be is reported as skipped. */
for (const language of Object.values(languages)) {
  const { versions, missing } = await toolchainOf(language)
  const skip = missing.length > 0 && `there is no ${missing.join(', no ')}`
  await t.test(`the example in ${language.name}`, { skip }, async (t) => {
    t.comment(Object.values(versions).join('; '))
    await language.generate()
    await language.compile()
    await testExample(t, language)
  })
}
