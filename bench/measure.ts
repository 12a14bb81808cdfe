import autocannon from 'autocannon'

/** The result of a run of closed-loop callers. */
export interface Measurement {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** An HTTP request to be sent. */
export interface Request {
  readonly method: 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

/** Calls `call` in a loop from `callers` callers at once, for `seconds`. */
export async function measureCalls(
  callers: number,
  seconds: number,
  call: (caller: number) => Promise<unknown>,
): Promise<Measurement> {
  const samples: number[] = []
  const begin = performance.now()
  const end = begin + seconds * 1_000
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let start = performance.now(); start < end; start = performance.now()) {
        await call(caller)
        samples.push(performance.now() - start)
      }
    }),
  )
  return summarise(samples, (performance.now() - begin) / 1_000)
}

/** Sends requests with `body` in a loop over `callers` connections at once, for `seconds`; what came of it, by the status of the answer. */
export async function measureByStatus(
  url: string,
  callers: number,
  seconds: number,
  body: object = {},
): Promise<ReadonlyMap<number, Measurement>> {
  const samples = new Map<number, number[]>()
  const result = await autocannon({
    url,
    connections: callers,
    duration: seconds,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    setupClient: (client) => {
      client.on('response', (status, _bytes, ms) => {
        const known = samples.get(status)
        if (known === undefined) samples.set(status, [ms])
        else known.push(ms)
      })
    },
  })
  return new Map([...samples].map(([status, of]) => [status, summarise(of, result.duration)]))
}

/** The request that callers repeat. */
export interface Load {
  /** The request of one turn of a caller; turns count from 0. */
  readonly body: (caller: number, turn: number) => object
  /** Calls in one turn. */
  readonly callsPerTurn: number
}

/**
 * Sends POST requests in a loop over `callers` connections at once, for `seconds`, each caller the same one for a whole turn: the
 * leanest load. Throws when one is answered by anything but 2xx.
 */
export async function measureHttp(url: string, callers: number, seconds: number, load: Load): Promise<Measurement> {
  let clients = 0
  return drive({
    url,
    connections: callers,
    duration: seconds,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    setupClient: (client) => {
      const caller = clients++
      let turn = 0
      let calls = 0
      const begin = (): void => {
        client.setBody(JSON.stringify(load.body(caller, turn)))
      }
      client.on('response', () => {
        calls++
        if (calls < load.callsPerTurn) return
        calls = 0
        turn++
        begin()
      })
      begin()
    },
  })
}

/**
 * Sends `count` requests over `callers` connections at once, each one made for the purpose; `answered` is given the body of every
 * answer. Throws when one is answered by anything but 2xx.
 */
export async function measureRequests(
  url: string,
  callers: number,
  count: number,
  request: (number: number) => Request,
  answered: (body: string) => void = () => undefined,
): Promise<Measurement> {
  let number = 0
  return drive({
    url,
    connections: callers,
    amount: count,
    requests: [
      {
        setupRequest: (template) => {
          const { method, path, headers, body } = request(number++)
          const type = body === undefined ? {} : { 'content-type': 'application/json' }
          return { ...template, method, path, headers: { ...type, ...headers }, body: body && JSON.stringify(body) }
        },
        onResponse: (_status, body) => {
          answered(body)
        },
      },
    ],
  })
}

async function drive(options: autocannon.Options): Promise<Measurement> {
  const samples: number[] = []
  const begin = performance.now()
  // autocannon measures the duration of a number of calls in whole seconds only.
  let end = begin
  const result = await autocannon({
    ...options,
    setupClient: (client) => {
      options.setupClient?.(client)
      client.on('response', (_status, _bytes, ms) => {
        samples.push(ms)
        end = performance.now()
      })
    },
  })
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${options.url}: ${result.non2xx} answers were not 2xx, ${result.errors} calls failed.`)
  }
  return summarise(samples, (end - begin) / 1_000)
}

/** Reduces durations to a rate and quantiles. Sorts `samples`. */
export function summarise(samples: number[], seconds: number): Measurement {
  samples.sort((left, right) => left - right)
  const quantile = (share: number): number =>
    samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? NaN
  return { perSecond: samples.length / seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}
