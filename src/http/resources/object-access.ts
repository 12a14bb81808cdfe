import {
  type AccessedObject,
  denied,
  may,
  mayAlways,
  maySometimes,
  type Rights,
  type Verb,
} from '../../access/index.ts'
import { poolsIn } from '../../ipam/index.ts'
import { pools } from '../../model/index.ts'
import { type Cidr, covers } from '../../net/index.ts'
import { answerOnly, type Plan, type Result, refuse, type View } from '../../plan/index.ts'
import {
  type Changed,
  type LabelsOf,
  notFound,
  quoteObject,
  type ServedKind,
  type StoredObject,
} from '../../resources/index.ts'
import type { ServedStore } from '../ipam/index.ts'
import type { ObjectSelector } from './object-selector.ts'

type Labels = ReturnType<LabelsOf>

/** The verbs that make an object visible: if one of them is allowed, the object is not hidden from the caller. */
const showing = ['get', 'list', 'watch'] as const

/** Decides what a caller may do with the objects of a kind. To a caller that may not see an object, it does not exist. */
export class ObjectAccess<Value extends StoredObject> {
  readonly #kind: ServedKind<Value>
  readonly #rights: Rights
  readonly #store: Pick<ServedStore, 'peekAll'>

  /** `store` has the pools, whose labels decide about what belongs to them. */
  constructor(kind: ServedKind<Value>, rights: Rights, store: Pick<ServedStore, 'peekAll'>) {
    this.#kind = kind
    this.#rights = rights
    this.#store = store
  }

  get rights(): Rights {
    return this.#rights
  }

  /** True for the objects to which the caller may do this; undefined if these are all. */
  selectorFor(verb: Verb): ObjectSelector<Value> | undefined {
    return mayAlways(this.#rights, this.#action(verb)) ? undefined : (value) => this.#may(verb, value)
  }

  /** True if the rights to the objects depend on the pools that they belong to, which are objects of another kind. */
  get dependsOnPools(): boolean {
    const isConditional = this.#kind.accessed !== undefined
    return isConditional && this.#kind.storage.families.every(({ prefix }) => prefix !== pools.prefix)
  }

  /** True if the caller may do this to the object called `name`; if it is unreadable or absent, true if the caller may do it to all. */
  mayTo(view: View, verb: Verb, name: string): boolean {
    const found = this.#find(view, name)
    const isKnown = found !== 'absent' && found !== 'unreadable'
    return isKnown ? this.#may(verb, found) : mayAlways(this.#rights, this.#action(verb))
  }

  /** Guards a plan that reads the object called `name`: `get` is needed, and an object that the caller may not get does not exist. */
  guardRead<Answer>(name: string, plan: (view: View) => Plan<Result<Answer>>): (view: View) => Plan<Result<Answer>> {
    if (mayAlways(this.#rights, this.#action('get'))) return plan
    return (view) => (this.#isHidden(view, name, 'get') ? answerOnly(notFound(this.#kind, name)) : plan(view))
  }

  /** Guards a plan that creates an object: the caller must have the right to create it with its labels. */
  guardCreate<Context>(plan: PlanOfChange<Context, Value>): PlanOfChange<Context, Value> {
    return (view, context) => this.#guardOutcome(plan(view, context), ['create'])
  }

  /**
   * Guards a plan that changes the object called `name`, or creates it: the caller must be allowed to do this to the object as it is, and
   * as it becomes.
   */
  guardChange<Context>(
    name: string,
    verb: 'update' | 'patch',
    plan: PlanOfChange<Context, Value>,
    options: { readonly mayCreate: boolean },
  ): PlanOfChange<Context, Value> {
    if (this.#rights.isUnlimited) return plan
    return (view, context) => {
      const before = this.#find(view, name)
      if (before === 'absent') {
        // Checked first: the answer must not depend on whether a hidden object has this name.
        if (options.mayCreate && !maySometimes(this.#rights, this.#action('create'))) return this.#forbid('create')
        return this.#guardOutcome(plan(view, context), [verb, 'create'])
      }
      const refused = this.#refusalFor(verb, before)
      if (refused !== undefined) return refused === 'hidden' ? this.#hide(name, options) : refused
      return this.#guardOutcome(plan(view, context), [verb])
    }
  }

  /** Guards a plan that deletes the object called `name`. */
  guardDelete<Context, Answer>(
    name: string,
    plan: (view: View, context: Context) => Plan<Result<Answer>>,
  ): (view: View, context: Context) => Plan<Result<Answer>> {
    if (this.#rights.isUnlimited) return plan
    return (view, context) => {
      const before = this.#find(view, name)
      if (before === 'absent') return plan(view, context)
      const refused = this.#refusalFor('delete', before)
      if (refused === undefined) return plan(view, context)
      return refused === 'hidden' ? answerOnly(notFound(this.#kind, name)) : refused
    }
  }

  /** Refuses a plan unless the caller has the `needed` verbs for the object as the plan leaves it. */
  #guardOutcome(planned: Plan<Result<Changed<Value>>>, needed: readonly Verb[]): Plan<Result<Changed<Value>>> {
    if (!planned.answer.ok || !planned.answer.value.isWritten) return planned
    const { value: after } = planned.answer.value
    const missing = needed.find((verb) => !this.#may(verb, after))
    return missing === undefined ? planned : this.#forbid(missing)
  }

  /** Refuses a change of a hidden object. A caller that may create objects learns that the name is taken, and no more. */
  #hide(name: string, { mayCreate }: { readonly mayCreate: boolean }): Plan<Result<never>> {
    if (!mayCreate) return answerOnly(notFound(this.#kind, name))
    if (!maySometimes(this.#rights, this.#action('create'))) return this.#forbid('create')
    return answerOnly(refuse('AlreadyExists', `${quoteObject(this.#kind, name)} already exists`))
  }

  #refusalFor(verb: Verb, value: Value | 'unreadable'): Plan<Result<never>> | 'hidden' | undefined {
    const mayDo = (one: Verb): boolean =>
      value === 'unreadable' ? mayAlways(this.#rights, this.#action(one)) : this.#may(one, value)
    if (mayDo(verb)) return undefined
    return showing.some(mayDo) ? this.#forbid(verb) : 'hidden'
  }

  #isHidden(view: View, name: string, verb: Verb): boolean {
    const found = this.#find(view, name)
    // The labels of an object that cannot be read are unknown.
    return found !== 'absent' && (found === 'unreadable' || !this.#may(verb, found))
  }

  #find(view: View, name: string): Value | 'absent' | 'unreadable' {
    const lookup = this.#kind.storage.lookup(view, name)
    if (lookup.kind === 'value') return lookup.value
    return lookup.kind === 'unreadable' ? 'unreadable' : (this.#kind.implied?.(name) ?? 'absent')
  }

  #may(verb: Verb, value: Value): boolean {
    if (this.#rights.isUnlimited) return true
    const accessed: readonly AccessedObject[] = this.#kind.accessed?.(value, (cidr) => this.#labelsOf(cidr)) ?? [{}]
    return accessed.every((object) => may(this.#rights, this.#action(verb), object))
  }

  /** Looks at the pools in memory at this moment: a watch lasts for hours, and pools change meanwhile. */
  #labelsOf(cidr: Cidr): Labels {
    const { all } = poolsIn(this.#store.peekAll(pools, pools.prefix))
    return all.find((pool) => covers(pool.cidr, cidr))?.labels
  }

  #forbid(verb: Verb): Plan<Result<never>> {
    return answerOnly({ ok: false, refusal: denied(this.#rights, this.#action(verb)) })
  }

  #action(verb: Verb) {
    return { verb, resource: this.#kind.plural }
  }
}

type PlanOfChange<Context, Value> = (view: View, context: Context) => Plan<Result<Changed<Value>>>
