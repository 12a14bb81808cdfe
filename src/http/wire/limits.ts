/**
 * Limits of one request. Each is far above what is useful and far below what would hurt: etcd's transactions hold 1.5 MiB, and a block
 * keeps the attributes of all its addresses in one value.
 */
export const limits = {
  /** Addresses of each family in one assign, and addresses in one release. */
  addresses: 1024,
  /** Addresses in one ensure, each with a holder of its own. A body may have values for about five attributes of each. */
  ensured: 512,
  pools: 64,
  /** Characters. Calico's longest, `<network>.<namespace>-<vm>`, stay below it. */
  handleLength: 512,
  /** Characters of a Kubernetes name (RFC 1123 subdomain); docs/calico/formats.md section 5. */
  nameLength: 253,
  /** A prefix of 253 characters, a slash, and 63 more; docs/calico/formats.md section 5. */
  labelKeyLength: 317,
  labels: 256,
  attributes: 32,
  attributeKeyLength: 128,
  attributeValueLength: 1024,
  /** All keys and values of the attributes of one request. */
  attributesBytes: 4096,
  /** Longer than any spelling of an address. */
  addressLength: 64,
} as const

/**
 * Limits of a body. Its cost grows with its length and its values, and all requests wait while a body is parsed: with these limits, for a
 * few milliseconds at most.
 */
export const bodyLimits = {
  /** Objects, lists and scalars: more than 1,024 addresses to release take, with a handle and a sequence number each. */
  values: 5_000,
  depth: 64,
  /** Characters of one text. All annotations of an object together may have 262,144. No pattern is matched against a longer text. */
  textLength: 300_000,
  /** YAML takes a hundred times longer to parse than JSON. */
  yamlBytes: 32 * 1024,
  /** Tokens of YAML's lexer: names, values, marks, blanks and line ends. A line such as `  - 10.1.0.0/16` has six. */
  yamlTokens: 5_000,
  yamlAliases: 32,
  /** Pieces in which a body may arrive, besides one for each 256 bytes. Each costs as much as hundreds of bytes. */
  pieces: 1_024,
  bytesPerPiece: 256,
} as const
