import assert from 'node:assert/strict'
import type { FastifyRequest } from 'fastify'
import { noRights, type Rights, unlimited } from '../../access/index.ts'
import { type Outcome, Scan } from '../../datastore/index.ts'
import { planRemoveEndpoints } from '../../ipam/index.ts'
import {
  type BlockIndex,
  type JsonObject,
  jsonObject,
  type Now,
  workloadEndpoints,
  workloadEndpointsInPages,
} from '../../model/index.ts'
import {
  answerOnly,
  carryOutSteps,
  inTurn,
  type Plan,
  type Result,
  type Revision,
  type Step,
  type TakeStep,
  type View,
} from '../../plan/index.ts'
import {
  type Changed,
  type WriteContext,
  type Deleted,
  finalizersOf,
  objectIn,
  planDelete,
  type Preconditions,
  showObject,
  readMatching,
  type ResourceKind,
  type ServedKind,
  type StoredObject,
} from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import { changedNothing } from '../wire/index.ts'
import { refusalAbout, unfinished } from './answers.ts'
import type { ObjectAccess } from './object-access.ts'

/** Finds what to remove before the object called `name` is deleted. Returns the plan of one step of that, which may refuse. */
export type FindDependents = (
  name: string,
) => Promise<
  (view: View, context: Pick<WriteContext, 'now' | 'rights'>, position: string) => Plan<Result<Step<undefined>>>
>

/** The dependencies of operations on objects. */
export interface OperationOptions {
  readonly store: Pick<ServedStore, 'submit'>
  readonly now: () => Now
  /** A new UUID, for an object that is created. */
  readonly newUid: () => string
  /** A new secret, for an object that has one. */
  readonly newSecret: () => Secret
  readonly deadlineMs: number
  /** Finds the dependents that are removed before an object is deleted, by the plural of its kind. */
  readonly dependents: Readonly<Partial<Record<string, FindDependents>>>
}

/** A secret, and its hash, which is all that is stored. */
export interface Secret {
  readonly text: string
  readonly hash: string
}

/** The options of a change, as the query has them. */
export interface ChangeOptions {
  readonly dryRun?: 'All'
  readonly fieldValidation?: WriteContext['fieldValidation']
  /** The manager of the changed fields; unless given, the client's name in `User-Agent`. */
  readonly fieldManager?: string
}

/** The plan of a change. */
export type ChangePlan = (view: View, context: WriteContext) => Plan<Result<Changed<StoredObject>>>

/** An object as the answer to a change, with the warnings for the client. */
export interface ChangedObject {
  readonly object: JsonObject
  readonly warnings: readonly string[]
  readonly isNew: boolean
}

/** The options of a delete. An undefined `access` is that of the server itself. */
export interface RemovalOptions {
  readonly dryRun: boolean
  readonly access: ObjectAccess<StoredObject> | undefined
}

/** The operations on the objects of one kind. Each returns what to answer, or throws its refusal. */
export class ResourceOperations {
  readonly #options: OperationOptions
  readonly #kind: ServedKind<StoredObject>

  constructor(options: OperationOptions, kind: ServedKind<StoredObject>) {
    this.#options = options
    this.#kind = kind
  }

  /** Carries out a plan about the object called `name`, and throws its refusal. The clock is read once, at the beginning. */
  async carryOut<Answer>(
    name: string | undefined,
    plan: (view: View, context: WriteContext) => Plan<Result<Answer>>,
    options: Partial<WriteContext> & { readonly dryRun?: boolean } = {},
  ): Promise<{ readonly value: Answer; readonly revision: Revision; readonly uids: Outcome<Answer>['uids'] }> {
    const { now, newUid, store, deadlineMs } = this.#options
    const { dryRun = false, fieldValidation = 'Warn', manager = '', subresource = '' } = options
    const { rights = noRights, secretHash } = options
    const context = { now: now(), uid: newUid(), fieldValidation, manager, subresource, rights, secretHash }
    const { answer, revision, uids } = await store.submit((view) => plan(view, context), { deadlineMs, dryRun })
    if (answer.ok) return { value: answer.value, revision, uids }
    throw refusalAbout(answer.refusal, this.#kind, name)
  }

  /**
   * Carries out a create or change, and returns the object to answer; with its secret, if it has one and was created. An object that is not
   * written keeps its resourceVersion.
   */
  async change(
    name: string | undefined,
    { query, manager, subresource, rights }: ChangeRequest,
    plan: ChangePlan,
  ): Promise<ChangedObject> {
    const dryRun = query.dryRun === 'All'
    const hasSecret = !this.#kind.isReadOnly && this.#kind.hasSecret === true
    const secret = hasSecret && !dryRun ? this.#options.newSecret() : undefined
    const { fieldValidation = 'Warn' } = query
    const {
      value: changed,
      revision,
      uids,
    } = await this.carryOut(name, plan, {
      dryRun,
      fieldValidation,
      manager,
      subresource,
      rights,
      secretHash: secret?.hash,
    })
    const { value, isWritten, revisionBefore, warnings } = changed
    const planned = showObject(this.#kind, value, isWritten && !dryRun ? revision : revisionBefore)
    const object = withUid(planned, uids)
    const isNew = revisionBefore === undefined
    return { object: secret !== undefined && isNew ? withToken(object, secret) : object, warnings, isNew }
  }

  /**
   * Deletes an object with what depends on it, in as many steps as it takes. The object goes with the last step, so that a deletion which
   * fails half-way can be repeated. An object with finalizers is only marked.
   */
  async remove(
    kind: ResourceKind<StoredObject>,
    name: string,
    preconditions: Preconditions,
    options: RemovalOptions,
  ): Promise<{ readonly deleted: Deleted<StoredObject>; readonly object: JsonObject }> {
    const { dryRun, access } = options
    const rights = access?.rights ?? unlimited
    const deleteObject: TakeStep<{ deleted: Deleted<StoredObject>; object: JsonObject } | undefined> = async (
      position,
    ) => {
      const plan = (view: View, context: WriteContext) => planDelete(view, kind, name, preconditions, context, position)
      const guarded = access?.guardDelete(name, plan) ?? plan
      const { value, revision } = await this.carryOut(name, guarded, { dryRun, rights })
      const { answer: deleted, next } = value
      const shown = deleted.isWritten && !dryRun ? revision : deleted.revisionBefore
      return { answer: { deleted, object: showObject(kind, deleted.value, shown) }, next }
    }
    const removeDependents = await this.#dependentSteps(kind, name, preconditions, options)
    const take = removeDependents === undefined ? deleteObject : inTurn(removeDependents, 'object ', deleteObject)
    const { answers, fault } = await carryOutSteps(take, { isHarmless: changedNothing })
    if (fault !== undefined) throw unfinished(fault, kind, name)
    const last = answers.at(-1)
    assert(last !== undefined, 'the last step deletes the object')
    return last
  }

  /**
   * The steps that remove what depends on an object; undefined if there are none, or if the object stays for now: in a dry run, or because
   * of finalizers. Throws the refusal if the caller may not remove all of it.
   */
  async #dependentSteps(
    kind: ResourceKind<StoredObject>,
    name: string,
    preconditions: Preconditions,
    { dryRun, access }: RemovalOptions,
  ): Promise<TakeStep<undefined> | undefined> {
    const findDependents = this.#options.dependents[kind.plural]
    if (findDependents === undefined) return undefined
    // Asked before everything is read: there may be nothing to delete.
    const read = (view: View) => answerOnly(readMatching(view, kind, name, preconditions))
    const { value: stored } = await this.carryOut(name, access?.guardDelete(name, read) ?? read)
    const rights = access?.rights ?? unlimited
    const isKept = dryRun || finalizersOf(objectIn(stored.value.object, 'metadata')).length > 0
    if (isKept && rights.isUnlimited) return undefined
    const plan = await findDependents(name)
    const stepsWith =
      (options: { readonly dryRun: boolean }): TakeStep<undefined> =>
      async (position) => {
        const planStep = (view: View, context: WriteContext): ReturnType<typeof plan> => {
          const found = readMatching(view, kind, name, preconditions)
          return found.ok ? plan(view, context, position) : answerOnly(found)
        }
        const { value: step } = await this.carryOut(name, planStep, { ...options, rights })
        return step
      }
    // A dry run of all steps first, so that nothing is removed if one of them is refused.
    if (!rights.isUnlimited) await carryOutSteps(stepsWith({ dryRun: true }), { isHarmless: () => false })
    return isKept ? undefined : stepsWith({ dryRun: false })
  }
}

/** Adds its secret to an object, for the answer to its creation. */
function withToken(object: JsonObject, { text }: Secret): JsonObject {
  const status = jsonObject([['token', text], ...Object.entries(objectIn(object, 'status'))])
  return jsonObject([...Object.entries(object), ['status', status]])
}

/** The object with the uid that the store has given it, if that is another one than planned. */
function withUid(object: JsonObject, uids: Outcome<unknown>['uids']): JsonObject {
  const metadata = objectIn(object, 'metadata')
  const uid = uids?.get(typeof metadata['uid'] === 'string' ? metadata['uid'] : '')
  if (uid === undefined) return object
  const members = Object.entries(metadata).map(([name, value]) => [name, name === 'uid' ? uid : value] as const)
  return jsonObject([...Object.entries(object), ['metadata', jsonObject(members)]])
}

/** Finds the workload endpoints of a node; its tunnels are removed with them. */
export function endpointsOfNodes(store: Pick<ServedStore, 'page' | 'pending'>, blocks: BlockIndex): FindDependents {
  return async (node) => {
    // The names of endpoints begin with that of the node, but the namespace comes first in the keys, so all of them are read.
    const scan = await Scan.begin(store, workloadEndpoints)
    const keys: string[] = []
    for await (const page of scan.entries(workloadEndpointsInPages)) {
      for (const entry of page) if (entry.kind === 'value' && entry.value.node === node) keys.push(entry.key)
    }
    return (view, { now, rights }, position) => planRemoveEndpoints(view, node, keys, position, { now, blocks, rights })
  }
}

/** A change as it is requested, and by whom. */
export interface ChangeRequest {
  readonly query: ChangeOptions
  readonly manager: string
  readonly subresource: WriteContext['subresource']
  readonly rights: Rights
}

/** Longer names of managers are refused. */
const managerLengthMax = 128

/** Reads who requests a change. */
export function changeRequest(
  { headers, rights }: Pick<FastifyRequest, 'headers' | 'rights'>,
  query: ChangeOptions,
  subresource: WriteContext['subresource'] = '',
): ChangeRequest {
  const agent = headers['user-agent']?.replace(/\/.*$/s, '').trim().slice(0, managerLengthMax) ?? ''
  const manager = query.fieldManager ?? (/^[\x20-\x7E]+$/.test(agent) ? agent : 'unknown')
  return { query, manager, subresource, rights }
}
