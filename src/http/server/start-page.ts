import { createHash } from 'node:crypto'
import type { FastifyPluginCallback } from 'fastify'
import { groupsOf, pathOf, type ServedKind, type StoredObject } from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { mark, markType } from '../mark.ts'
import { answerJson, preferredType } from '../wire/index.ts'

/** Dependencies of the start page. */
export interface StartPageOptions {
  readonly store: Pick<ServedStore, 'health'>
  readonly kinds: readonly ServedKind<StoredObject>[]
  readonly version: string
  /** True if there is a page for people under `/ui/`: browsers are led there. */
  readonly hasPage: boolean
}

const [json, html] = ['application/json', 'text/html']

/**
 * `GET /`: leads browsers to the page for people, or is a small one itself if there is none. For programs, the paths in JSON, as a
 * Kubernetes API server lists them.
 */
export const startPage: FastifyPluginCallback<StartPageOptions> = (app, { store, kinds, version, hasPage }, done) => {
  answerJson(app)
  const paths = kinds.map(pathOf)
  const groups = groupsOf(kinds).map(({ apiVersion }) => `/apis/${apiVersion}`)
  app.get('/', { schema: { hide: true }, config: { access: 'everybody', alsoAnswers: [html] } }, (request, reply) => {
    void reply.header('vary', 'accept')
    if (preferredType(request.headers.accept, [json, html]) !== html)
      return reply.send({ paths: pathsWith([...groups, ...paths]) })
    if (hasPage) return reply.redirect('/ui/', 302)
    const url = `${request.protocol}://${request.host}`
    return reply
      .header('content-security-policy', policy)
      .header('x-content-type-options', 'nosniff')
      .type('text/html; charset=utf-8')
      .send(printPage({ url, version, paths, health: store.health() }))
  })
  done()
}

function pathsWith(ofGroupsAndKinds: readonly string[]): readonly string[] {
  const documents = ['/docs', '/openapi.json', '/openapi-3.0.json', '/openapi/v2', '/openapi/v3']
  const ipam = ['/ipam/v1/addresses', '/ipam/v1/blocks', '/ipam/v1/check', '/ipam/v1/handles', '/ipam/v1/utilization']
  return ['/api', '/apis', ...ofGroupsAndKinds, ...ipam, '/livez', '/readyz', '/version', ...documents]
}

const style = `
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #1b2a33; background: #fff }
h1 { display: flex; align-items: center; gap: .6rem }
a { color: #0b4f6c }
code, pre { font-family: ui-monospace, monospace; background: #eef4f6 }
pre { padding: .8rem; overflow-x: auto }
.ready { color: #176b3a }
.not-ready { color: #a3260f }
@media (prefers-color-scheme: dark) {
  body { color: #dbe6eb; background: #12191d }
  a { color: #8fc1d4 }
  code, pre { background: #1e2a30 }
  .ready { color: #6fd39a }
  .not-ready { color: #ff9a85 }
}
`

/** Nothing but the style of the page, which is known by its hash, and its icon. */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  ...['img-src data:', "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

interface Page {
  /** The URL of the server, as the browser asked for it. */
  readonly url: string
  readonly version: string
  /** The paths of the kinds. */
  readonly paths: readonly string[]
  readonly health: ReturnType<ServedStore['health']>
}

function printPage({ url, version, paths, health }: Page): string {
  const icon = `data:${markType};base64,${Buffer.from(mark).toString('base64')}`
  const failed = health.checks.filter(({ ok }) => !ok).map(({ name, message }) => `${name}: ${message}`)
  const state = health.ready
    ? '<strong class="ready">Ready</strong>: it does its work.'
    : `<strong class="not-ready">Not ready</strong>: ${escapeHtml(failed.join('; '))}`
  const kinds = paths.map((path) => link(path, path.replace(/^.*\//, '')))
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ippoold</title>
<link rel="icon" type="${markType}" href="${icon}">
<style>${style}</style>
</head>
<body>
<h1>${mark} ippoold</h1>
<p>This server assigns IP addresses. It keeps pools of addresses, as Calico does, and gives addresses from them to whoever asks.</p>
<p>${state} This is version ${escapeHtml(version)}.</p>
<h2>Look around</h2>
<ul>
<li>${link('/docs', 'The API')}: every request, with a button to try it out.</li>
<li>${link('/ipam/v1/utilization', 'How full the pools are')}, and ${link('/ipam/v1/addresses', 'who holds which address')}.</li>
<li>The objects: ${kinds.join(', ')}.</li>
<li>Is all data consistent? ${link('/ipam/v1/check', 'Check it')}.</li>
</ul>
<h2>With kubectl</h2>
<pre>kubectl --server=${escapeHtml(url)} get ippools</pre>
<h2>From a program</h2>
<p>Generate a client from the OpenAPI document, in version ${link('/openapi.json', '3.1')} or ${link('/openapi-3.0.json', '3.0')}.</p>
<h2>For monitoring</h2>
<p>${link('/livez', 'Liveness')}, ${link('/readyz', 'readiness')}, ${link('/version', 'versions')}.</p>
</body>
</html>
`
}

function link(path: string, text: string): string {
  return `<a href="${path}">${text}</a>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
