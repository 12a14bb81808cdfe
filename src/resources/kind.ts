import type { TObject } from '@sinclair/typebox'
import type { Annex, JsonObject, Now } from '../model/index.ts'
import type { Decodable, Decoded, Key, Lookup, Revision, View, Write, Cause, Refusal } from '../plan/index.ts'
import type { Column } from './columns.ts'

/** The API group and version of every resource, and the `apiVersion` that its objects carry. */
export const group = 'projectcalico.org'
export const version = 'v3'
export const apiVersion = `${group}/${version}`

/** The categories that every resource is in: names for several of them at once, as in `kubectl get calico`. */
export const categories: readonly string[] = ['calico']

/** The least that the stored form of a kind has. */
export interface StoredObject {
  readonly name: string
  /** Everything that is stored. */
  readonly object: JsonObject
}

/** A value with the revision that wrote it. */
export interface Stored<Value> {
  readonly value: Value
  readonly revision: Revision
}

/** What a plan knows of the world outside the datastore; read by the shell, so that planning stays repeatable. */
export interface Context {
  readonly now: Now
  /** A fresh UUID, for the object that a plan may create. */
  readonly uid: string
  /** What to do about fields that are not known: refuse them, drop them and say so, or just drop them. */
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  /** Who manages the fields that are changed. */
  readonly manager: string
  /** What of the object is changed: its status, or all the rest. */
  readonly subresource: '' | 'status'
}

/** An object that is about to be stored, as far as its fields could be read. */
export interface Candidate<Value> {
  readonly name: string
  /** The whole object with the kind's defaults, without fields of the wrong JSON type. */
  readonly object: JsonObject
  readonly spec: JsonObject
  /** What it replaces. */
  readonly old: Value | undefined
  /**
   * Whether nothing has been found wrong with any of these fields so far. A rule that looks at a field which is not sound stays
   * silent, so that one mistake is reported once.
   */
  isSound(...fields: readonly string[]): boolean
}

/**
 * What a step of deleting an object comes to: the object is gone; or a part of what goes with it is, and the next step goes on at `next`;
 * or it stays for a while, marked; or it cannot be deleted yet.
 */
export type Removal<Value> =
  | { readonly kind: 'gone'; readonly writes: readonly Write[] }
  | { readonly kind: 'partly'; readonly writes: readonly Write[]; readonly next: string }
  | { readonly kind: 'terminating'; readonly value: Value; readonly writes: readonly Write[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** How what lies beside the stored values of a kind comes to its objects. */
export interface Annexing<Value> {
  /** Below it lies the annex of each object, under the object's name. */
  readonly prefix: string
  /** Whether labels, too, lie in the annex. */
  readonly holdsAllMetadata: boolean
  /** The key of the object to which the annex called `name` belongs. */
  objectKey(name: string): Key<unknown>
  /** The object with what its annex says; `revision` is the one that wrote the value. */
  join(
    value: Value,
    revision: Revision,
    annex: { readonly value: Annex; readonly revision: Revision } | undefined,
  ): Value
}

/** How the objects of a kind lie in etcd. */
export interface Reading<Value> {
  /** Undefined: its objects have no annexes. */
  readonly annexing: Annexing<Value> | undefined
  /** The families whose every key is an object of the kind: a list goes through them in this order, each in the order of its keys. */
  readonly families: readonly Decodable<Value>[]
  /** What is stored as the object called `name`. */
  lookup(view: View, name: string): Lookup<Value>
}

/** How the objects of a kind are stored, besides how they are read. */
export interface Writing<Value> {
  /** Stores the object, and its annex. */
  put(value: Value): readonly Write[]
}

/** What reading one kind of resource takes. */
interface ReadableKind<Value extends StoredObject> {
  readonly kind: string
  readonly plural: string
  readonly singular: string
  /** More names that people may use for the resource; those that calicoctl knows. */
  readonly shortNames: readonly string[]
  /** One sentence for the OpenAPI document. */
  readonly description: string
  /** An object as a client would send it, for the OpenAPI document. */
  readonly example: JsonObject
  readonly specSchema: TObject
  /** Undefined: its objects have no status. */
  readonly statusSchema: TObject | undefined
  /** The columns of its tables, between the name and the age. */
  readonly columns: readonly Column[]
  readonly storage: Reading<Value>
  /** The value that `object` is once it is stored. */
  parse(object: JsonObject): Decoded<Value>
  /** The spec with what is not given filled in: from `oldSpec` what cannot be changed, else with the defaults. */
  withDefaults(spec: JsonObject, oldSpec?: JsonObject): JsonObject
}

/** A kind whose objects are only looked at: they show what others decide. */
export interface ReadOnlyKind<Value extends StoredObject> extends ReadableKind<Value> {
  readonly isReadOnly: true
}

/**
 * One kind of resource: all that the routes and the planning of writes need to know about it. Another resource is another
 * declaration.
 */
export interface ResourceKind<Value extends StoredObject> extends ReadableKind<Value> {
  readonly isReadOnly: false
  readonly storage: Reading<Value> & Writing<Value>
  /** Whether more goes with an object than one transaction takes: who deletes one sees to the rest first. */
  readonly isDeletedInSteps: boolean
  /** The finalizer of the server itself, which clients cannot take off an object that is being deleted. */
  readonly finalizer: string | undefined
  /** Everything that is wrong with the spec in itself, or as a successor of the old one. */
  validate(candidate: Candidate<Value>): readonly Cause[]
  /** Everything that is wrong with a new object beside what else is stored. */
  admit(view: View, candidate: Candidate<Value>): readonly Cause[]
  /** One step of deleting an object, from `position` on: '' for the first, and then the `next` of the step before. */
  planRemoval(view: View, stored: Stored<Value>, context: Context, position: string): Removal<Value>
}

/** A kind of either sort, as far as reading goes. */
export type ServedKind<Value extends StoredObject> = ResourceKind<Value> | ReadOnlyKind<Value>
