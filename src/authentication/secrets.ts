import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** The prefix of all secrets of AccessTokens, so that scanners for leaked secrets find them. */
const prefix = 'ippoold_'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 256 bits cannot be guessed. */
const secretBytes = 32

/** 62^43 is more than 2^256, and 62^6 more than 2^32. */
const randomLength = 43
const checksumLength = 6

/** A secret of an AccessToken, and its hash, which is all that is stored. */
export interface Secret {
  readonly text: string
  readonly hash: string
}

/**
 * Makes the secret of an AccessToken: `ippoold_`, 256 random bits, and a CRC-32 of all that, both in base 62. `random` are 32 bytes.
 */
export function newSecret(random: Buffer = randomBytes(secretBytes)): Secret {
  const body = `${prefix}${base62(BigInt(`0x${random.toString('hex')}`), randomLength)}`
  const text = `${body}${checksumOf(body)}`
  return { text, hash: hashOf(text) }
}

/** Tells by the form of a token if it is the secret of an AccessToken, one that was mistyped or cut off, or something else. */
export function formOf(token: string): 'secret' | 'damaged' | 'other' {
  if (!token.startsWith(prefix)) return 'other'
  const isWhole =
    token.length === prefix.length + randomLength + checksumLength &&
    checksumOf(token.slice(0, -checksumLength)) === token.slice(-checksumLength)
  return isWhole ? 'secret' : 'damaged'
}

/**
 * Returns the SHA-256 of a secret, in hex. A fast hash is enough for random secrets: 2^256 of them cannot be tried. Tokens of a file may
 * be shorter, but their hashes are kept in memory only.
 */
export function hashOf(secret: string): string {
  return hash('sha256', secret, 'hex')
}

/** Characters of a hash by which it is looked up. Two secrets share them only if they were made to. */
const keyLength = 16

/**
 * Values by the hashes of secrets. A hash is looked up by its beginning, and then compared in constant time, so that the time of an answer
 * does not tell how much of a guess was right.
 */
export class SecretTable<Value> {
  readonly #entries = new Map<string, { readonly hash: string; readonly value: Value }>()

  get size(): number {
    return this.#entries.size
  }

  /** The value of the secret with this hash. */
  get(hash: string): Value | undefined {
    const entry = this.#entries.get(hash.slice(0, keyLength))
    return entry !== undefined && isSame(entry.hash, hash) ? entry.value : undefined
  }

  set(hash: string, value: Value): void {
    this.#entries.set(hash.slice(0, keyLength), { hash, value })
  }

  delete(hash: string): void {
    this.#entries.delete(hash.slice(0, keyLength))
  }

  *values(): Iterable<Value> {
    for (const { value } of this.#entries.values()) yield value
  }

  /** Deletes the entry that was set first. */
  deleteOldest(): void {
    for (const key of this.#entries.keys()) {
      this.#entries.delete(key)
      return
    }
  }
}

function isSame(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)]
  return one.length === other.length && timingSafeEqual(one, other)
}

function checksumOf(text: string): string {
  return base62(BigInt(crc32(text)), checksumLength)
}

function base62(number: bigint, length: number): string {
  let text = ''
  for (let rest = number; text.length < length; rest /= 62n) text = `${digits[Number(rest % 62n)] ?? ''}${text}`
  return text
}
