import { request } from 'undici'

/** The values of samples, by name and labels as they are written. */
export type Samples = ReadonlyMap<string, number>

/** Reads the metrics of a server. */
export async function readMetrics(url: string): Promise<Samples> {
  const { statusCode, body } = await request(`${url}/metrics`)
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`GET /metrics was answered ${statusCode}: ${text}`)
  return samplesIn(text)
}

/** The samples of a text in the format of Prometheus. */
export function samplesIn(text: string): Samples {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}
