import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import { judgeOrigin, type OriginVerdict } from '../../../src/http/server/origins.ts'

const link = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

t.test('a request is judged by where a browser says that it comes from', async (t) => {
  const cases: readonly (readonly [claim: string, OriginVerdict, IncomingHttpHeaders, method?: string])[] = [
    ['no browser', 'own', {}],
    ['the mode alone, which Node.js sends', 'own', { 'sec-fetch-mode': 'cors' }],
    ['the address bar', 'own', { 'sec-fetch-site': 'none' }],
    ['an own page', 'own', { 'sec-fetch-site': 'same-origin', origin: 'http://here:8080' }],
    ['an own page behind a proxy with TLS', 'own', { 'sec-fetch-site': 'same-origin', origin: 'https://front' }],
    ['an own page, without the site', 'own', { origin: 'http://here:8080' }],
    ['a foreign page', 'foreign', { 'sec-fetch-site': 'cross-site', origin: 'http://evil' }],
    ['a foreign page that sends no origin, as for an image', 'foreign', { 'sec-fetch-site': 'cross-site' }],
    ['a page on another port', 'foreign', { 'sec-fetch-site': 'same-site', origin: 'http://here:3000' }],
    ['a site that nobody knows', 'foreign', { 'sec-fetch-site': 'near' }],
    ['a foreign page, without the site', 'foreign', { origin: 'http://evil' }],
    ['another port, without the site', 'foreign', { origin: 'http://here:3000' }],
    ['a page without an origin', 'foreign', { origin: 'null' }],
    ['an empty origin', 'foreign', { origin: '' }],
    ['an allowed page', 'allowed', { 'sec-fetch-site': 'cross-site', origin: 'https://ours' }],
    ['an allowed page, without the site', 'allowed', { origin: 'https://ours' }],
    ['an allowed name with another scheme', 'foreign', { origin: 'http://ours' }],
    ['a link', 'own', { 'sec-fetch-site': 'cross-site', ...link }, 'GET'],
    ['a form', 'foreign', { 'sec-fetch-site': 'cross-site', ...link }],
    ['a frame', 'foreign', { 'sec-fetch-site': 'cross-site', ...link, 'sec-fetch-dest': 'iframe' }, 'GET'],
  ]
  for (const [claim, verdict, headers, method = 'POST'] of cases) {
    t.equal(judgeOrigin(method, headers, 'Here:8080', new Set(['https://ours']), false), verdict, claim)
  }
})

t.test(
  'over TLS, a page of the same host that came without TLS is foreign: anybody in the network may have made it',
  async (t) => {
    const judge = (origin: string) => judgeOrigin('POST', { origin }, 'here:8080', new Set(), true)
    t.equal(judge('https://here:8080'), 'own')
    t.equal(judge('http://here:8080'), 'foreign')
  },
)
