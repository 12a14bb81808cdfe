import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { formOf, hashOf, newSecret, SecretTable } from '../../src/authentication/secrets.ts'

t.test('a secret has a prefix that scanners find, 256 random bits, and a checksum', async (t) => {
  const none = newSecret(Buffer.alloc(32))
  t.match(none.text, /^ippoold_0{43}[0-9A-Za-z]{6}$/)
  const all = newSecret(Buffer.alloc(32, 0xff))
  t.match(all.text, /^ippoold_[0-9A-Za-z]{49}$/)
  t.equal(all.text.length, none.text.length)
  t.equal(none.hash, createHash('sha256').update(none.text).digest('hex'))
  t.not(newSecret().text, newSecret().text)
})

t.test('a secret that was mistyped or cut off is recognised without a look-up', async (t) => {
  const random = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(random, fc.nat(), fc.constantFrom('0', '7', 'A', 'k', 'z'), (bytes, place, digit) => {
      const { text } = newSecret(Buffer.from(bytes))
      if (formOf(text) !== 'secret') return false
      const at = 8 + (place % 49)
      const mistyped = `${text.slice(0, at)}${digit}${text.slice(at + 1)}`
      return mistyped === text || formOf(mistyped) === 'damaged'
    }),
  )
  const { text } = newSecret()
  for (const damaged of [text.slice(0, -1), `${text}0`, 'ippoold_', `ippoold_${'0'.repeat(49)}`]) {
    t.equal(formOf(damaged), 'damaged', damaged)
  }
  for (const other of ['', 'ippoold', 'ghp_abc', 'a.b.c']) t.equal(formOf(other), 'other', other)
})

t.test('a table finds values by whole hashes only', async (t) => {
  const table = new SecretTable<string>()
  const [one, two] = [hashOf('one'), hashOf('two')]
  table.set(one, 'first')
  table.set(two, 'second')
  t.equal(table.get(one), 'first')
  t.equal(table.get(hashOf('three')), undefined)
  t.equal(table.get(`${one.slice(0, 40)}${two.slice(40)}`), undefined, 'a hash that only begins alike')
  t.equal(table.get(one.slice(0, 20)), undefined)
  table.deleteOldest()
  t.equal(table.get(one), undefined)
  t.equal(table.get(two), 'second')
  table.delete(two)
  t.equal(table.size, 0)
})
