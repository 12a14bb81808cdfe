import t from 'tap'
import { nameSchemas } from '../../../src/http/openapi/names.ts'
import type { JsonObject } from '../../../src/model/index.ts'

const document = (...schemas: readonly JsonObject[]): JsonObject => ({
  components: { schemas: { B: { type: 'object', properties: Object.fromEntries(schemas.entries()) } } },
})
const tea = { title: 'A', type: 'string', enum: ['green', 'darkBlack'] }

t.test('what has a title becomes a component, described where all uses agree', (t) => {
  const { components } = nameSchemas(document({ ...tea, description: 'One.' }, { ...tea, description: 'Two.' }))
  t.strictSame(components, {
    schemas: {
      A: { 'x-enum-varnames': ['GREEN', 'DARK_BLACK'], type: 'string', enum: ['green', 'darkBlack'] },
      B: {
        type: 'object',
        properties: {
          0: { $ref: '#/components/schemas/A', description: 'One.' },
          1: { $ref: '#/components/schemas/A', description: 'Two.' },
        },
      },
    },
  })
  const alike = nameSchemas(document({ ...tea, description: 'One.' }, { ...tea, description: 'One.' }))
  t.match(alike, {
    components: { schemas: { A: { description: 'One.' }, B: { properties: { 0: { description: undefined } } } } },
  })
  t.end()
})

t.test('one title for two schemas, or for a component as well, is a mistake', (t) => {
  t.throws(() => nameSchemas(document(tea, { ...tea, enum: ['green'] })), /titled A and differ in enum/)
  t.throws(() => nameSchemas(document({ ...tea, title: 'B' })), /B is the name of a component already/)
  t.end()
})
