import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { problems } from '../schemas/index.ts'
import { answerJson, preferredType } from '../wire/index.ts'

/** The formats of metrics: that of Prometheus, and OpenMetrics. */
export type MetricsFormat = 'text/plain' | 'application/openmetrics-text'

/** Knows the metrics of the process. */
export interface MetricsSource {
  /** Writes all metrics as they are now. `type` is the media type, with its version. */
  read(format: MetricsFormat): Promise<{ readonly type: string; readonly text: string }>
}

/** The first format is for clients that accept any. */
const formats = ['text/plain', 'application/openmetrics-text'] as const

const Metrics = Type.Unsafe<string>({ type: 'string', title: 'Metrics', description: 'One sample on each line.' })

/** `GET /metrics`, for monitoring systems. It shows the names of pools and nodes, so it is not for everybody. */
export const metricsRoute: FastifyPluginCallbackTypebox<{ readonly metrics: MetricsSource }> = (
  app,
  { metrics },
  done,
) => {
  answerJson(app)
  const content = { schema: Metrics, example: '# TYPE ipam_blocks gauge\nipam_blocks{ippool="blue",node="node1"} 2\n' }
  app.get(
    '/metrics',
    {
      // Metrics are needed most while the server is busy.
      config: { access: { verb: 'get', resource: 'metrics' }, alsoAnswers: formats, pressureHandler: () => undefined },
      schema: {
        operationId: 'readMetrics',
        tags: ['server'],
        summary: 'Metrics',
        description:
          'The metrics of this server and of the pools, in the text format of Prometheus, or in OpenMetrics for clients that accept it.',
        response: {
          200: { description: 'The metrics.', content: { [formats[0]]: content, [formats[1]]: content } },
          ...problems(),
        },
      },
    },
    async ({ headers }, reply) => {
      const format = formats.find((type) => type === preferredType(headers.accept, formats)) ?? formats[0]
      const { type, text } = await metrics.read(format)
      return reply.header('vary', 'accept').type(type).send(text)
    },
  )
  done()
}
