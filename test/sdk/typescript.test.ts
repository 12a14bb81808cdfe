import t from 'tap'
import { languages } from '../../sdk/languages.ts'
import { testExample } from './example.ts'

const { typescript } = languages

t.test('the types of the document compile, and so does the example, which does what it says', async (t) => {
  await typescript.generate()
  await testExample(t, typescript)
})
