import fc from 'fast-check'
import t from 'tap'
import { SortedKeys } from '../../../src/datastore/image/sorted-keys.ts'

t.test('keys are walked in order from any prefix', async (t) => {
  const keys = new SortedKeys()
  for (const key of ['/b/2', '/a/1', '/b/10', '/c', '/b', '/b/1']) keys.add(key)
  t.strictSame([...keys.startingWith('/b/')], ['/b/1', '/b/10', '/b/2'])
  t.strictSame([...keys.startingWith('/b')], ['/b', '/b/1', '/b/10', '/b/2'])
  t.strictSame([...keys.startingWith('/b/1')], ['/b/1', '/b/10'])
  t.strictSame([...keys.startingWith('/bb')], [])
  t.strictSame([...keys.startingWith('/d')], [])
  t.equal([...keys.startingWith('')].length, 6)
})

t.test('adding or deleting a key twice is doing it once', async (t) => {
  const keys = new SortedKeys()
  keys.add('/a')
  keys.add('/a')
  t.strictSame([...keys.startingWith('')], ['/a'])
  keys.delete('/b')
  keys.delete('/a')
  keys.delete('/a')
  t.strictSame([...keys.startingWith('')], [])
})

t.test('the set agrees with a sorted array', async (t) => {
  const key = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '0'), maxLength: 4 })
  const step = fc.record({ isAdded: fc.boolean(), key })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(step), key, (steps, prefix) => {
        const keys = new SortedKeys()
        const twin = new Set<string>()
        for (const { isAdded, key } of steps) {
          if (isAdded) keys.add(key)
          else keys.delete(key)
          if (isAdded) twin.add(key)
          else twin.delete(key)
        }
        const want = [...twin].filter((key) => key.startsWith(prefix)).sort()
        return JSON.stringify([...keys.startingWith(prefix)]) === JSON.stringify(want)
      }),
    ),
  )
})
