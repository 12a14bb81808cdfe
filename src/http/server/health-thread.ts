import { createServer } from 'node:http'
import { type MessagePort, parentPort } from 'node:worker_threads'
import type { HealthThreadStart, PreparedAnswer } from './health-listener.ts'

/**
 * The thread of {@link HealthListener}. It only chooses among answers that the server has prepared, so that no load of the server delays
 * it. The first message says what to serve, every other one whether the server is ready. Posts the port once it listens.
 */

/** Without a report for so long, the server is not ready. */
const readySilenceMs = 5_000

/** Without a report for so long, the server hangs: no load delays it like this, and only a restart helps. */
const aliveSilenceMs = 60_000

parentPort?.once('message', (start: HealthThreadStart) => {
  if (parentPort !== null) serve(start, parentPort)
})

function serve({ host, port, answers }: HealthThreadStart, parent: MessagePort): void {
  let readiness = answers.silent
  let reportedAt = performance.now()
  parent.on('message', (report: PreparedAnswer) => {
    readiness = report
    reportedAt = performance.now()
  })
  const choose = (path: string): PreparedAnswer => {
    const silenceMs = performance.now() - reportedAt
    switch (path) {
      case '/livez':
        return silenceMs > aliveSilenceMs ? answers.silent : answers.alive
      case '/readyz':
        return silenceMs > readySilenceMs ? answers.silent : readiness
      default:
        return answers.unknown
    }
  }
  const server = createServer(({ url = '' }, response) => {
    const { status, headers, body } = choose(url.replace(/\?.*$/, ''))
    response.writeHead(status, headers).end(body)
  })
  server.listen({ host, port }, () => {
    const address = server.address()
    parent.postMessage(typeof address === 'object' ? address?.port : undefined)
  })
}
