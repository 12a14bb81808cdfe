import { unlimited } from '../../src/access/index.ts'
import {
  type Block,
  BlockIndex,
  isJsonObject,
  type Json,
  type JsonObject,
  parseJson,
  type Pool,
  poolOf,
} from '../../src/model/index.ts'
import type { Plan, Write, Result } from '../../src/plan/index.ts'
import { type WriteContext, ippoolKind, type ResourceKind } from '../../src/resources/index.ts'
import { store } from '../support/indexed-blocks.ts'

/** The worked example of docs/calico/formats.md, sections 3.1 and 7: what Calico stores for a pool of a CIDR, a block size and NAT. */
export const storedPool =
  '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"pool-a","uid":"7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"10.10.0.0/24","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":29,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}'

/** What is stored of a pool with the condition that ippoold keeps of it, set at this time. */
export function withCondition(text: string, time = '2026-11-23T03:59:00Z'): string {
  const [status, reason, message] = text.includes('"disabled":true')
    ? ['False', 'PoolDisabled', 'IPPool.Spec.Disabled is true']
    : ['True', 'OK', 'IPPool is available for IP allocation.']
  const condition = { type: 'Allocatable', status, lastTransitionTime: time, reason, message }
  return text.replace(/}$/, `,"status":${JSON.stringify({ conditions: [condition] })}}`)
}

/** The moment, and the UID, of that example. */
export const context: WriteContext = {
  now: { nanoseconds: 1_795_406_340_123_456_789n },
  uid: '7f1d0f0e-3c5b-4a39-9f55-0a7c8a4f8a10',
  fieldValidation: 'Warn',
  manager: 'test',
  subresource: '',
  rights: unlimited,
}

export const strict: WriteContext = { ...context, fieldValidation: 'Strict' }

/** IP pools, in a datastore that holds these blocks. */
export function poolKind(blocks: readonly Block[] = []): ResourceKind<Pool> {
  const index = new BlockIndex()
  store(index, ...blocks)
  return ippoolKind(index)
}

/** The body of a pool as a client sends it. */
export function poolBody(
  spec: Readonly<Record<string, Json>> = {},
  metadata: Readonly<Record<string, Json>> = {},
): JsonObject {
  return { metadata: { name: 'pool-a', ...metadata }, spec: { cidr: '10.10.0.0/24', ...spec } }
}

/** A pool as it is stored. */
export function mustPool(
  spec: Readonly<Record<string, Json>> = {},
  metadata: Readonly<Record<string, Json>> = {},
): Pool {
  const parsed = poolOf(poolBody(spec, metadata))
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.value
}

/** The value of a successful plan. */
export function granted<Value>({ answer }: Plan<Result<Value>>): Value {
  if (!answer.ok) throw new Error(`${answer.refusal.reason}: ${answer.refusal.message}`)
  return answer.value
}

/** The causes of a plan that was refused as invalid, as `field: reason`. */
export function causesOf(plan: Plan<Result<unknown>>): readonly string[] {
  if (plan.answer.ok || plan.answer.refusal.reason !== 'Invalid') throw new Error('expected a refusal as invalid')
  return plan.answer.refusal.causes.map(({ field, reason }) => `${field}: ${reason}`)
}

/** What a plan writes that Calico reads: keys with their new texts, or undefined for those deleted. */
export function written(plan: Pick<Plan<unknown>, 'writes'>): Readonly<Record<string, string | undefined>> {
  return writtenTo(plan, (key) => key.startsWith('/calico/'))
}

/** What a plan writes into annexes. */
export function writtenToAnnexes(plan: Pick<Plan<unknown>, 'writes'>): Readonly<Record<string, string | undefined>> {
  return writtenTo(plan, (key) => key.startsWith('/ippoold/v1/annexes/'))
}

export function writtenTo(
  { writes }: Pick<Plan<unknown>, 'writes'>,
  isMeant: (key: string) => boolean,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    writes
      .filter(({ key }) => isMeant(key.text))
      .map((write: Write) => [write.key.text, write.kind === 'put' ? write.encode() : undefined]),
  )
}

/** The object that a text holds. */
export function mustParse(text: string | undefined): JsonObject {
  const parsed = parseJson(text ?? '')
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error(`not an object: ${String(text)}`)
  return parsed.value
}
