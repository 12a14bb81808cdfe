/**
 * Bounds on what one request may ask for. Each is far above what is useful and far below what would hurt: a transaction of etcd
 * takes 1.5 MiB, and a block keeps the attributes of all its addresses in one value of it.
 */
export const limits = {
  /** Addresses of each family in one assign, and addresses in one release. */
  addresses: 1024,
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
  /** Keys and values of all attributes of one request together. */
  attributesBytes: 4096,
  /** Longer than any spelling of an address. */
  addressLength: 64,
} as const

/** Bounds on what a body may hold, so that no body costs much more than its own length. */
export const bodyLimits = {
  /** Objects, lists and scalars. */
  values: 20_000,
  depth: 64,
  /** Characters of one text. All annotations of an object together may have 262,144; patterns are not tried on longer texts. */
  textLength: 300_000,
  /** YAML takes a hundred times longer to parse than JSON. */
  yamlBytes: 32 * 1024,
  yamlValues: 5_000,
  yamlAliases: 32,
} as const
