import { randomUUID } from 'node:crypto'
import type { Load } from './measure.ts'

/** Addresses that a node is given before another one takes its place: ten blocks, half of what Calico gives a node by default. */
export const addressesPerNode = 640

/**
 * One address a call, with attributes as Calico's CNI plugin gives them. The callers share `nodes` nodes at a time, new ones whenever
 * those have their {@link addressesPerNode}: no cluster has nodes with thousands of blocks. With 0 nodes they name none.
 */
export function assigning(callers: number, nodes: number): Load {
  const run = randomUUID()
  return {
    body: (caller, turn) => ({
      ...(nodes === 0 ? {} : { node: `node-${run}-${turn * nodes + (caller % nodes)}` }),
      attributes: attributes(caller),
    }),
    callsPerTurn: nodes === 0 ? Infinity : Math.ceil(addressesPerNode / Math.ceil(callers / nodes)),
  }
}

/** The attributes that Calico's CNI plugin stores for a pod. */
export function attributes(pod: number): Readonly<Record<string, string>> {
  return { namespace: 'default', pod: `web-7c5ddbdf54-${pod}`, timestamp: '2026-11-23 04:00:01.5 +0000 UTC' }
}
