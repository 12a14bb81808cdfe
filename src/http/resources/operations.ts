import type { FastifyRequest } from 'fastify'
import type { JsonObject, Now } from '../../model/index.ts'
import { answerOnly, type Plan, type Revision, type View, type Result } from '../../plan/index.ts'
import {
  type Changed,
  type Context,
  type Deleted,
  finalizersOf,
  objectIn,
  planDelete,
  planRead,
  type Preconditions,
  present,
  readMatching,
  type ResourceKind,
  type ServedKind,
  type StoredObject,
} from '../../resources/index.ts'
import type { Store } from '../ipam/index.ts'
import { refusalAbout, unfinished } from './answers.ts'
import type { CarryOutStep, TakeDown } from './node-removal.ts'

/** What operations on objects take from outside. */
export interface OperationOptions {
  readonly store: Pick<Store, 'submit'>
  readonly now: () => Now
  /** A new UUID, for an object that is created. */
  readonly newUid: () => string
  readonly deadlineMs: number
  /** What has to go before an object is deleted, by the plural of its kind. */
  readonly takeDowns: Readonly<Partial<Record<string, TakeDown>>>
}

/** How a change is asked for. */
export interface ChangeOptions {
  readonly dryRun?: 'All'
  readonly fieldValidation?: Context['fieldValidation']
  /** Who manages the changed fields; the client's name, as it tells it in `User-Agent`, unless given. */
  readonly fieldManager?: string
}

/** The planning of a change. */
export type ChangePlan = (view: View, context: Context) => Plan<Result<Changed<StoredObject>>>

/** An object as the answer to a change, and what the client should be told although all is well. */
export interface ChangedObject {
  readonly object: JsonObject
  readonly warnings: readonly string[]
  readonly isNew: boolean
}

/** The operations on the objects of one kind, each of which gives what to answer, or throws its refusal. */
export class ResourceOperations {
  readonly #options: OperationOptions
  readonly #kind: ServedKind<StoredObject>

  constructor(options: OperationOptions, kind: ServedKind<StoredObject>) {
    this.#options = options
    this.#kind = kind
  }

  /** Carries out one operation on the object called `name`. The clock is read once, when it begins. */
  async carryOut<Answer>(
    name: string | undefined,
    plan: (view: View, context: Context) => Plan<Result<Answer>>,
    options: Partial<Context> & { readonly dryRun?: boolean } = {},
  ): Promise<{ readonly value: Answer; readonly revision: Revision }> {
    const { now, newUid, store, deadlineMs } = this.#options
    const { dryRun = false, fieldValidation = 'Warn', manager = '', subresource = '' } = options
    const context = { now: now(), uid: newUid(), fieldValidation, manager, subresource }
    const { answer, revision } = await store.submit((view) => plan(view, context), { deadlineMs, dryRun })
    if (answer.ok) return { value: answer.value, revision }
    throw refusalAbout(answer.refusal, this.#kind, name)
  }

  /** Carries out a create or change, and gives the object to answer. One that is not written keeps its resourceVersion. */
  async change(
    name: string | undefined,
    { query, manager, subresource }: ChangeRequest,
    plan: ChangePlan,
  ): Promise<ChangedObject> {
    const dryRun = query.dryRun === 'All'
    const { fieldValidation = 'Warn' } = query
    const { value: changed, revision } = await this.carryOut(name, plan, {
      dryRun,
      fieldValidation,
      manager,
      subresource,
    })
    const { value, isWritten, revisionBefore, warnings } = changed
    const object = present(this.#kind, value, isWritten && !dryRun ? revision : revisionBefore)
    return { object, warnings, isNew: revisionBefore === undefined }
  }

  /**
   * Deletes an object with what goes with it, in as many steps as it takes; the object goes with the last one, so that a deletion which
   * does not come to its end can be begun again. One with finalizers is only marked. A dry run tells what the first step would come to.
   */
  async remove(
    kind: ResourceKind<StoredObject>,
    name: string,
    preconditions: Preconditions,
    dryRun: boolean,
  ): Promise<{ readonly deleted: Deleted<StoredObject>; readonly object: JsonObject }> {
    const takeDown = dryRun ? undefined : this.#options.takeDowns[kind.plural]
    let steps = 0
    const carryOutStep: CarryOutStep = async (plan) => {
      const { value } = await this.carryOut(name, (view, context) => {
        const found = readMatching(view, kind, name, preconditions)
        return found.ok ? plan(view, context) : answerOnly(found)
      })
      steps++
      return value
    }
    try {
      if (takeDown !== undefined && !(await this.#isHeldBack(kind, name))) await takeDown(name, carryOutStep)
      for (; ; steps++) {
        const { value: deleted, revision } = await this.carryOut(
          name,
          (view, context) => planDelete(view, kind, name, preconditions, context),
          { dryRun },
        )
        if (deleted.isPartial && !dryRun) continue
        const shown = deleted.isWritten && !dryRun ? revision : deleted.revisionBefore
        return { deleted, object: present(kind, deleted.value, shown) }
      }
    } catch (fault) {
      throw steps === 0 ? fault : unfinished(fault, kind, name)
    }
  }

  async #isHeldBack(kind: ResourceKind<StoredObject>, name: string): Promise<boolean> {
    const { value } = await this.carryOut(name, (view) => planRead(view, kind, name))
    return finalizersOf(objectIn(value.value.object, 'metadata')).length > 0
  }
}

/** Who wants a change, and how. */
export interface ChangeRequest {
  readonly query: ChangeOptions
  readonly manager: string
  readonly subresource: Context['subresource']
}

/** Longer names of managers are refused. */
const managerLengthMax = 128

/** Reads who wants a change. */
export function changeRequest(
  { headers }: Pick<FastifyRequest, 'headers'>,
  query: ChangeOptions,
  subresource: Context['subresource'] = '',
): ChangeRequest {
  const agent = headers['user-agent']?.replace(/\/.*$/s, '').trim().slice(0, managerLengthMax) ?? ''
  const manager = query.fieldManager ?? (/^[\x20-\x7E]+$/.test(agent) ? agent : 'unknown')
  return { query, manager, subresource }
}
