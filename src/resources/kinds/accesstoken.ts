import { Type } from '@sinclair/typebox'
import { adminGroup, type AdminWays, type Rights } from '../../access/index.ts'
import {
  type AccessToken,
  accessTokenKey,
  accessTokenOf,
  accessTokens,
  isJsonArray,
  type JsonObject,
  jsonObject,
  parseTime,
} from '../../model/index.ts'
import { type Cause, remove, type View } from '../../plan/index.ts'
import { derivedColumn, textColumn } from '../columns.ts'
import { type Candidate, ippooldGroup, type ResourceKind } from '../kind.ts'
import { forbidden, invalid, objectIn, required, sameJson, setOfItems, textIn } from '../object/index.ts'
import { declarePlainStorage } from '../storage.ts'

const AccessTokenSpec = Type.Object(
  {
    user: Type.String({ description: 'The user that calls with the token come from.', examples: ['ci'] }),
    groups: Type.Optional(
      Type.Array(Type.String(), { ...setOfItems, description: 'The groups of that user.', examples: [['blue']] }),
    ),
    expiresAt: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When the token stops being valid; unless given, it is valid until it is deleted.',
        examples: ['2027-01-31T00:00:00Z'],
      }),
    ),
  },
  { $id: 'AccessTokenSpec', additionalProperties: false, description: 'The user and groups that a token stands for.' },
)

const AccessTokenStatus = Type.Object(
  {
    token: Type.Optional(
      Type.String({
        description:
          'The secret, to be sent as `Authorization: Bearer ...`. Only the answer that creates the token has it.',
      }),
    ),
    tokenSHA256: Type.Optional(
      Type.String({
        description: 'The SHA-256 of the secret, in hex. It tells which token a secret belongs to.',
      }),
    ),
    lastUsedAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When the token was last used, give or take a minute.' }),
    ),
  },
  { $id: 'AccessTokenStatus', additionalProperties: false, description: 'The secret of a token, and its use.' },
)

/** The most characters of the name of a user or a group. */
const nameLengthMax = 256

/** The most groups of a user: each is looked up with every call. */
const groupsMax = 64

/**
 * AccessToken, as `/apis/ippoold.io/v1/accesstokens` serves it: a secret that lets its owner call the server as some user. The secret is
 * made with the object, and shown once. `admins` knows the ways to be an admin; unless given, every caller is one.
 */
export function accesstokenKind(admins?: AdminWays): ResourceKind<AccessToken> {
  return {
    group: ippooldGroup,
    kind: 'AccessToken',
    plural: 'accesstokens',
    singular: 'accesstoken',
    shortNames: ['token', 'tokens'],
    description:
      'A secret with which a program or person calls the server as some user. The answer that creates it has the secret as `status.token`, which is shown only then. Deleting it ends it.',
    example: {
      apiVersion: 'ippoold.io/v1',
      kind: 'AccessToken',
      metadata: { name: 'ci' },
      spec: { user: 'ci', groups: ['blue'], expiresAt: '2027-01-31T00:00:00Z' },
    },
    specSchema: AccessTokenSpec,
    statusSchema: AccessTokenStatus,
    columns: [
      textColumn('User', 'spec.user', 'The user that calls with the token come from.'),
      textColumn('Groups', 'spec.groups', 'The groups of that user.'),
      derivedColumn('Expires', 'When the token stops being valid.', (object) => timeIn(object, 'spec', 'expiresAt')),
      derivedColumn('LastUsed', 'When the token was last used.', (object) => timeIn(object, 'status', 'lastUsedAt')),
    ],
    isReadOnly: false,
    isExact: true,
    isDeletedInSteps: false,
    hasSecret: true,
    isStatusWritable: false,
    storage: declarePlainStorage(accessTokens, accessTokenKey),
    finalizer: undefined,
    names: 'subdomain',
    immutableFields: ['user', 'groups'],
    keepStatus: (object, _now, secretHash) =>
      secretHash === undefined
        ? object
        : jsonObject([...Object.entries(object), ['status', jsonObject([['tokenSHA256', secretHash]])]]),
    parse: accessTokenOf,
    withDefaults: (spec) => spec,
    validate,
    admit: () => [],
    findEscalation,
    findLockout: (view, before, after, { now }) => findLockout(view, admins, before, after, now.nanoseconds),
    planRemoval: (_view, { value }) => ({ kind: 'gone', writes: [remove(accessTokenKey(value.name))] }),
  }
}

function validate({ spec, old }: Candidate<AccessToken>): readonly Cause[] {
  return [
    ...nameCauses('spec.user', textIn(spec, 'user')),
    ...groupCauses(spec),
    ...expiryCauses(spec, old),
    ...changeCauses(spec, old),
  ]
}

function groupCauses(spec: JsonObject): readonly Cause[] {
  const groups = textsIn(spec, 'groups')
  if (groups.length > groupsMax) return [invalid('spec.groups', groups.length, `must be at most ${groupsMax} groups`)]
  return groups.flatMap((group, index) => nameCauses(`spec.groups[${index}]`, group))
}

/** Names that begin with `system:` are for users and groups that the server itself knows to be what they say. */
function nameCauses(field: string, name: string): readonly Cause[] {
  if (name === '') return [required(field, 'must be the name of a user or group')]
  if (name.length > nameLengthMax) return [invalid(field, name, `must be at most ${nameLengthMax} characters long`)]
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return [invalid(field, name, 'must have no control characters')]
  return name.startsWith('system:') ? [invalid(field, name, 'must not begin with "system:"')] : []
}

function expiryCauses(spec: JsonObject, old: AccessToken | undefined): readonly Cause[] {
  const text = textIn(spec, 'expiresAt')
  const time = parseTime(text)
  if (spec['expiresAt'] !== undefined && time === undefined) {
    return [invalid('spec.expiresAt', text, 'must be a time as in RFC 3339, such as 2027-01-31T00:00:00Z')]
  }
  const isLater = old?.expiresAt !== undefined && (time === undefined || time.nanoseconds > old.expiresAt)
  return isLater ? [forbidden('spec.expiresAt', 'may only be made earlier; create another token instead')] : []
}

/** The owner of the secret must not become another user by a change of the object. */
function changeCauses(spec: JsonObject, old: AccessToken | undefined): readonly Cause[] {
  if (old === undefined) return []
  const before = objectIn(old.object, 'spec')
  return ['user', 'groups']
    .filter((field) => !sameJson(spec[field] ?? [], before[field] ?? []))
    .map((field) => forbidden(`spec.${field}`, 'cannot be changed; create another token instead'))
}

/** Callers that may do everything may make tokens for any user; others only for themselves, with groups that they are in. */
function findEscalation({ spec, old }: Candidate<AccessToken>, { isUnlimited, caller }: Rights): string | undefined {
  if (isUnlimited || old !== undefined) return undefined
  const isOwn =
    textIn(spec, 'user') === caller.user && textsIn(spec, 'groups').every((group) => caller.groups.includes(group))
  return isOwn
    ? undefined
    : 'a token for another user, or for groups that the caller is not in, can only be made by an administrator'
}

/** The annotation that allows ending the last token of an admin. */
const lastAdmin = { annotation: 'ippoold.io/last-admin', mayGo: 'may-go' }

/**
 * Refuses to delete a token of an admin, or to make it expire earlier, unless another one is valid, or there are other ways to be an admin.
 * The plan reads the other one: of two changes that rely on each other's token, one is planned again.
 */
function findLockout(
  view: View,
  admins: AdminWays | undefined,
  before: AccessToken,
  after: AccessToken | undefined,
  now: bigint,
): string | undefined {
  if (admins === undefined || !makesAdmin(before, now)) return undefined
  const isAsLong = after !== undefined && (after.expiresAt ?? before.expiresAt) === before.expiresAt
  const annotations = objectIn(objectIn((after ?? before).object, 'metadata'), 'annotations')
  if (isAsLong || annotations[lastAdmin.annotation] === lastAdmin.mayGo || admins.hasOthers()) return undefined
  view.consult(accessTokens)
  for (const name of admins.tokens(now)) {
    const other = name === before.name ? undefined : view.get(accessTokenKey(name))
    if (other?.kind === 'value' && makesAdmin(other.value, now)) return undefined
  }
  return `is the last valid access token of the group ${adminGroup}, and this server knows no other way to be an admin. Create another such token first; or, to be without an admin, set the annotation ${lastAdmin.annotation} to "${lastAdmin.mayGo}".`
}

function makesAdmin({ groups, expiresAt, hash, isTerminating }: AccessToken, now: bigint): boolean {
  const isValid = !isTerminating && hash !== '' && (expiresAt === undefined || expiresAt > now)
  return isValid && groups.includes(adminGroup)
}

function textsIn(spec: JsonObject, field: string): readonly string[] {
  const list = spec[field]
  return isJsonArray(list) ? list.filter((entry) => typeof entry === 'string') : []
}

function timeIn(object: JsonObject, part: 'spec' | 'status', field: string): string {
  return textIn(objectIn(object, part), field) || 'Never'
}
