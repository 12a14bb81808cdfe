import type { TObject } from '@sinclair/typebox'
import type { AccessedObject, Rights } from '../access/index.ts'
import type { Annex, JsonObject, Now } from '../model/index.ts'
import type { Cidr } from '../net/index.ts'
import type { Decodable, Decoded, Key, Lookup, Revision, View, Write, Cause, Refusal } from '../plan/index.ts'
import type { Column } from './columns.ts'

/** An API group, with the one version of it that is served. */
export interface ApiGroup {
  readonly name: string
  readonly version: string
  /** The `apiVersion` of its objects, and the end of their path. */
  readonly apiVersion: string
  /** The categories of its resources. A category names several resources at once, as in `kubectl get calico`. */
  readonly categories: readonly string[]
}

/** Calico's resources. */
export const calicoGroup: ApiGroup = {
  name: 'projectcalico.org',
  version: 'v3',
  apiVersion: 'projectcalico.org/v3',
  categories: ['calico'],
}

/** The resources that only ippoold has. */
export const ippooldGroup: ApiGroup = {
  name: 'ippoold.io',
  version: 'v1',
  apiVersion: 'ippoold.io/v1',
  categories: ['ippoold'],
}

/**
 * The forms of names: a lower-case DNS subdomain, or what RFC 3986 calls a path segment, without escapes. `ippoold:view` is the latter, as
 * the names of Kubernetes' roles are.
 */
export type NameForm = 'subdomain' | 'path segment'

/** The members that the stored form of every kind has. */
export interface StoredObject {
  readonly name: string
  /** The whole object as it is stored. */
  readonly object: JsonObject
}

/** A stored value and the revision that wrote it. */
export interface Stored<Value> {
  readonly value: Value
  readonly revision: Revision
}

/** The inputs of a change that are not in the datastore. The caller reads them once, so that planning can be repeated. */
export interface WriteContext {
  readonly now: Now
  /** A fresh UUID for the object, should the plan create one. */
  readonly uid: string
  /** How to treat unknown fields: refuse them, drop them with a warning, or drop them silently. */
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  /** The manager of the fields that change. */
  readonly manager: string
  /** The part of the object that may change: its status, or everything else. */
  readonly subresource: '' | 'status'
  /** The rights of the caller. */
  readonly rights: Rights
  /** The hash of a fresh secret, should the plan create an object of a kind that has one. */
  readonly secretHash?: string | undefined
}

/** The labels of the pool that a range lies in; undefined if it lies in none. */
export type LabelsOf = (cidr: Cidr) => Readonly<Record<string, string>> | undefined

/** An object that is about to be stored and is being validated. Fields that could not be read are left out. */
export interface Candidate<Value> {
  readonly name: string
  /** The whole object with the kind's defaults, without fields of the wrong JSON type. */
  readonly object: JsonObject
  readonly spec: JsonObject
  /** The stored value that it replaces; undefined for a new object. */
  readonly old: Value | undefined
  /**
   * True while no problem has been found in any of these fields. A rule skips an object in which a field that it reads is not sound, so
   * that one mistake is reported once.
   */
  isSound(...fields: readonly string[]): boolean
}

/**
 * The outcome of one step of deleting an object. `gone`: it is deleted. `partly`: some of what is deleted with it is gone, and the next
 * step continues at `next`. `terminating`: it is marked as deleted and stays for now. `refused`: it cannot be deleted yet.
 */
export type Removal<Value> =
  | { readonly kind: 'gone'; readonly writes: readonly Write[] }
  | { readonly kind: 'partly'; readonly writes: readonly Write[]; readonly next: string }
  | { readonly kind: 'terminating'; readonly value: Value; readonly writes: readonly Write[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/**
 * The annexes of a kind: metadata that is stored beside the values, in a key per object, and is joined with them on reading.
 */
export interface Annexing<Value> {
  /** The prefix of the keys; the object's name follows. */
  readonly prefix: string
  /** True if the annex holds all metadata, labels included. */
  readonly holdsAllMetadata: boolean
  /** The key of the object that the annex called `name` belongs to. */
  objectKey(name: string): Key<unknown>
  /** Joins a value with its annex. `revision` is the revision that wrote the value. */
  join(
    value: Value,
    revision: Revision,
    annex: { readonly value: Annex; readonly revision: Revision } | undefined,
  ): Value
}

/** How the objects of a kind are read from the datastore. */
export interface Reading<Value> {
  /** Undefined if the objects have no annexes. */
  readonly annexing: Annexing<Value> | undefined
  /** The families in which every key is an object of the kind. A list reads them in this order, and each in the order of its keys. */
  readonly families: readonly Decodable<Value>[]
  /** Looks up the object called `name`. */
  lookup(view: View, name: string): Lookup<Value>
}

/** How the objects of a kind are written. */
export interface Writing<Value> {
  /** The writes that store the object and its annex. */
  put(value: Value): readonly Write[]
}

/** The part of a kind that reading needs. */
interface ReadableKind<Value extends StoredObject> {
  readonly group: ApiGroup
  readonly kind: string
  readonly plural: string
  readonly singular: string
  /** More names for the resource on the command line; the same as calicoctl's. */
  readonly shortNames: readonly string[]
  /** One sentence for the OpenAPI document. */
  readonly description: string
  /** An object as a client would send it, for the OpenAPI document. */
  readonly example: JsonObject
  readonly specSchema: TObject
  /** Undefined if the objects have no status. */
  readonly statusSchema: TObject | undefined
  /** The columns of its tables, between the name and the age. */
  readonly columns: readonly Column[]
  readonly storage: Reading<Value>
  /** The value that `object` is read back as once it is stored. */
  parse(object: JsonObject): Decoded<Value>
  /** The object called `name` that is in force while none is stored: it is shown, and changing it stores it. */
  implied?(name: string): Value | undefined
  /**
   * Returns what the conditions of rights are compared with: the caller needs the right for each entry. Absent: only a right without
   * conditions suffices.
   */
  accessed?(value: Value, labelsOf: LabelsOf): readonly AccessedObject[]
  /** Fills in the fields that `spec` lacks: from `oldSpec` those that cannot be changed, the others with their defaults. */
  withDefaults(spec: JsonObject, oldSpec?: JsonObject): JsonObject
}

/** A kind whose objects can only be read. They show state that is changed in other ways. */
export interface ReadOnlyKind<Value extends StoredObject> extends ReadableKind<Value> {
  readonly isReadOnly: true
}

/**
 * One kind of resource: everything that the routes and the plans of changes need to know about it. To add a resource, declare another
 * one.
 */
export interface ResourceKind<Value extends StoredObject> extends ReadableKind<Value> {
  readonly isReadOnly: false
  readonly storage: Reading<Value> & Writing<Value>
  /** True if a spec with an unknown or null field is refused, whatever the caller asks for: what that field meant would be lost. */
  readonly isExact?: true
  /** True if what is deleted with an object can exceed one transaction. The caller deletes the rest in steps before the object. */
  readonly isDeletedInSteps: boolean
  /** The server's own finalizer; clients cannot remove it from an object that is being deleted. */
  readonly finalizer: string | undefined
  readonly names: NameForm
  /** The fields of the spec that can be set only when an object is created. */
  readonly immutableFields: readonly string[]
  /**
   * True if each object has a secret: it is made with the object, only the answer that creates the object shows it, as `status.token`, and
   * only its hash is stored.
   */
  readonly hasSecret?: boolean
  /** True if clients can write the status, by a subresource. */
  readonly isStatusWritable: boolean
  /**
   * Returns an object that is about to be stored with the status that the server keeps; undefined if it keeps none. `secretHash` is given
   * for a new object of a kind that has secrets.
   */
  readonly keepStatus: ((object: JsonObject, now: Now, secretHash?: string) => JsonObject) | undefined
  /** Checks the spec by itself and against the old one. Returns every problem. */
  validate(candidate: Candidate<Value>): readonly Cause[]
  /** Checks a new object against what else is stored. Returns every problem. */
  admit(view: View, candidate: Candidate<Value>, context: WriteContext): readonly Cause[]
  /** True if `admit` looks at all other objects of the kind, so that each creation must know of the one before. */
  readonly isAdmittedBesideOthers?: boolean
  /** Says why storing the object would give rights that the caller lacks; undefined if it would not. Absent: it never gives any. */
  findEscalation?(candidate: Candidate<Value>, rights: Rights): string | undefined
  /**
   * Says why the object must not change to `after`, or be deleted: no admin would be left. Undefined if one would be. Absent: that does not
   * depend on these objects.
   */
  findLockout?(
    view: View,
    before: Value,
    after: Value | undefined,
    context: Pick<WriteContext, 'now'>,
  ): string | undefined
  /** One step of deleting an object, from `position` on: '' for the first step, then the `next` of the step before. */
  planRemoval(view: View, stored: Stored<Value>, context: WriteContext, position: string): Removal<Value>
}

/** A kind that is served, read-only or not. */
export type ServedKind<Value extends StoredObject> = ResourceKind<Value> | ReadOnlyKind<Value>

/** True if the status can be read and written by a path of its own. */
export function hasStatusSubresource<Value extends StoredObject>(kind: ServedKind<Value>): boolean {
  return !kind.isReadOnly && kind.isStatusWritable
}

/** The groups of the kinds, in the order of the kinds. */
export function groupsOf(kinds: readonly ServedKind<StoredObject>[]): readonly ApiGroup[] {
  return [...new Set(kinds.map(({ group }) => group))]
}

/** The path of a kind's objects. */
export function pathOf<Value extends StoredObject>({ group, plural }: ServedKind<Value>): string {
  return `/apis/${group.apiVersion}/${plural}`
}
