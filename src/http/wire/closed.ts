import type { ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'

/** Calls `callback` once, when the response is closed, sent completely or not; at once if it is closed already. */
export function onceClosed(response: ServerResponse | Http2ServerResponse, callback: () => void): void {
  const isClosed = response instanceof Http2ServerResponse ? response.stream.closed : response.closed
  if (isClosed) callback()
  else response.once('close', callback)
}
