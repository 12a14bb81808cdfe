import { get as getPlainly } from 'node:http'
import { get as getByTls } from 'node:https'
import type { EtcdConnection } from './client.ts'
import { pagePatienceMs } from './limits.ts'

/** How to read the metrics page of each member. */
export type MemberPages = Pick<EtcdConnection, 'endpoints' | 'ca' | 'certificate' | 'key'>

/** A metrics page is much shorter. */
const pageCharactersMax = 8_000_000

/**
 * Reads the quota of the database of a member, in bytes, from the metrics page beside its API: the API tells it from etcd 3.6 on only.
 * Undefined if there is no such page, or it does not say.
 */
export async function readQuota(endpoint: string, pages: MemberPages): Promise<number | undefined> {
  try {
    const page = await readPage(new URL('/metrics', endpoint), pages)
    const [, quota] = /^etcd_server_quota_backend_bytes (\S+)$/m.exec(page) ?? []
    return quota === undefined || !Number.isFinite(Number(quota)) ? undefined : Number(quota)
  } catch {
    return undefined
  }
}

function readPage(url: URL, { ca, certificate, key }: MemberPages): Promise<string> {
  const signal = AbortSignal.timeout(pagePatienceMs)
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? getByTls : getPlainly
    const request = get(url, { signal, agent: false, ca, cert: certificate, key }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (text.length > pageCharactersMax) response.destroy(new Error('The page is too long.'))
      })
      response.once('error', reject).once('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`The page was answered ${response.statusCode}.`))
      })
    })
    request.once('error', reject)
  })
}
