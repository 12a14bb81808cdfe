/**
 * The UID that Calico shows for an object of its v1 group: the bits of every byte in reverse order, but for the bytes 6 and 8, which say
 * what kind of UID it is. Its own inverse. Any other text is returned as it is.
 */
export function convertUid(uid: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uid)) return uid
  const bytes = Buffer.from(uid.replaceAll('-', ''), 'hex')
  const hex = Buffer.from(bytes.map((byte, at) => (at === 6 || at === 8 ? byte : reverseBits(byte)))).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function reverseBits(byte: number): number {
  let reversed = 0
  for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) reversed |= 0x80 >>> bit
  return reversed
}
