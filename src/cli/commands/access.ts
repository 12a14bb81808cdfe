import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { type Answer, answerTo, given, isFields, type Schemas } from '../api/index.ts'
import { exitCodes, usageFailure } from '../failures.ts'
import { note } from '../io.ts'
import { readDuration, type Layout } from '../output/index.ts'
import { type Cli, isRowFormat, type Session } from '../session.ts'
import { dryNote, dryRunFlag, dryRunOf, examples, listOf, listOption } from './options.ts'
import { pagesOf } from './pages.ts'
import { timeColumn } from './layouts.ts'

const tokensPath = '/apis/ippoold.io/v1/accesstokens'
const reviewsPath = '/apis/authorization.k8s.io/v1'

const tokenLayout: Layout<Schemas['AccessToken']> = {
  name: ({ metadata }) => metadata.name ?? '',
  columns: [
    { name: 'name', value: ({ metadata }) => metadata.name },
    { name: 'user', value: ({ spec }) => spec.user },
    { name: 'groups', value: ({ spec }) => spec.groups?.join(', ') },
    { name: 'expiresAt', value: ({ spec }) => spec.expiresAt },
    timeColumn('lastUsedAt', ({ status }) => status?.lastUsedAt),
    timeColumn('createdAt', ({ metadata }) => metadata.creationTimestamp),
    { name: 'tokenSHA256', value: ({ status }) => status?.tokenSHA256, isWide: true },
  ],
}

/** `token`, `can-i` and `whoami`. */
export function addAccessCommands(program: CommandUnknownOpts, cli: Cli): void {
  const token = program.command('token').description('create, list or delete access tokens')
  token
    .command('create')
    .description('create a token, and print its secret: the only time that it is shown')
    .argument('<name>', 'the name of the token')
    .requiredOption('--user <user>', 'who it stands for')
    .addOption(listOption('--group <group>', 'the groups of that user'))
    .option('--expires <when>', 'when it ends: a time such as 2027-01-31T00:00:00Z, or a length such as 90d or 12h')
    .addHelpText(
      'after',
      examples([
        ['ippool token create ci --user ci --group blue --expires 90d', 'for three months'],
        ['export IPPOOL_TOKEN=$(ippool token create me --user me)', 'for the commands that follow'],
      ]),
    )
    .action(async (name, { user, group, expires }) => {
      const session = cli.session()
      const expiresAt = expires === undefined ? undefined : endOf(expires)
      const body = { metadata: { name }, spec: { user, ...given({ groups: listOf(group), expiresAt }) } }
      const answer = await answerTo((await session.api()).POST(tokensPath, { body }))
      const format = session.format()
      if (format !== 'table' && format !== 'wide') {
        await session.printThing(tokenLayout, answer.data, answer)
        return
      }
      session.print(`${answer.data.status?.token ?? ''}\n`)
      note(session.io, `This is the secret of the token ${name}. It is not shown again.`)
    })
  token
    .command('list')
    .description('list tokens, without their secrets')
    .addHelpText('after', examples([['ippool token list', 'who may call, and when they last did']]))
    .action(async () => {
      const session = cli.session()
      const api = await session.api()
      const pages = pagesOf({
        read: (page) => answerTo(api.GET(tokensPath, { params: { query: given({ ...page }) } })),
        rowsIn: ({ items }) => items,
        nextIn: ({ metadata }) => metadata.continue,
      })
      await session.printPages(tokenLayout, pages, 'There are no tokens.')
    })
  token
    .command('delete')
    .description('delete a token; it ends within a second')
    .argument('<name>', 'the name of the token')
    .option(...dryRunFlag)
    .addHelpText('after', examples([['ippool token delete ci', 'whoever has its secret is locked out']]))
    .action(async (name, options) => {
      const session = cli.session()
      const params = { path: { name }, query: given({ dryRun: dryRunOf(options.dryRun) }) }
      const answer = await answerTo((await session.api()).DELETE(`${tokensPath}/{name}`, { params }))
      await session.printDone(`token ${name} deleted${dryNote(options.dryRun)}`, [name], answer)
    })
  addReviews(program, cli)
}

/** Reads when something ends. */
function endOf(text: string): string {
  const seconds = readDuration(text)
  if (seconds !== undefined) return new Date(Date.now() + seconds * 1_000).toISOString().replace(/\.\d+Z$/, 'Z')
  if (Number.isNaN(Date.parse(text)))
    throw usageFailure(
      `${JSON.stringify(text)} is no time`,
      'Give one such as 2027-01-31T00:00:00Z, or a length such as 90d.',
    )
  return text
}

/** The names of resources in policies, by the words that people use for them. */
const plurals: Readonly<Record<string, string>> = {
  pool: 'ippools',
  pools: 'ippools',
  address: 'addresses',
  handle: 'handles',
  node: 'nodes',
  blocks: 'ipamblocks',
  reservation: 'ipreservations',
  reservations: 'ipreservations',
  token: 'accesstokens',
  tokens: 'accesstokens',
  policies: 'accesspolicies',
}

function addReviews(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('can-i')
    .description('ask what is allowed; ends with 1 if the answer is no')
    .argument('[verb]', 'such as assign, release, get, create')
    .argument('[what]', 'such as addresses, pools or pools/blue')
    .option('--list', 'list all that is allowed')
    .option('--user <user>', 'ask about somebody else')
    .addOption(listOption('--group <group>', 'the groups of that user'))
    .addHelpText(
      'after',
      examples([
        ['ippool can-i assign addresses', 'may I assign addresses, in some pool at least?'],
        ['ippool can-i delete pools/blue', 'this pool?'],
        ['ippool can-i --list', 'what may I do?'],
      ]),
    )
    .action(async (verb, what, { list, user, group }) => {
      const session = cli.session()
      if (list === true) return listRules(session)
      if (verb === undefined || what === undefined)
        throw usageFailure('a verb and a resource are needed', 'As in: ippool can-i assign addresses')
      const [kind = '', name] = what.split('/')
      const attributes = { verb, resource: plurals[kind] ?? kind, ...(name !== undefined && { name }) }
      const review = user === undefined ? 'selfsubjectaccessreviews' : 'subjectaccessreviews'
      const answer = await post(session, `${reviewsPath}/${review}`, {
        spec: { resourceAttributes: attributes, ...given({ user, groups: group }) },
      })
      const { allowed, reason } = statusIn(answer)
      if (allowed !== true) session.exitCode = exitCodes.no
      if (!isRowFormat(session.format())) return session.printAnswer(answer)
      session.print(allowed === true ? 'yes\n' : 'no\n')
      if (session.format() !== 'name' && typeof reason === 'string') note(session.io, reason)
      return undefined
    })

  program
    .command('whoami')
    .description('show who the server takes you for')
    .addHelpText('after', examples([['ippool whoami', 'user and groups']]))
    .action(async () => {
      const session = cli.session()
      const answer = await post(session, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
      const { userInfo } = statusIn(answer)
      const { username, groups } = isFields(userInfo) ? userInfo : {}
      const caller = { user: String(username), groups: textsIn(groups).join(', ') }
      await session.printThing(callerLayout, caller, answer)
    })
}

const callerLayout: Layout<{ readonly user: string; readonly groups: string }> = {
  name: ({ user }) => user,
  columns: [
    { name: 'user', value: ({ user }) => user },
    { name: 'groups', value: ({ groups }) => groups },
  ],
}

interface RuleRow {
  readonly verbs: string
  readonly resources: string
  readonly handles: string
}

const ruleLayout: Layout<RuleRow> = {
  name: ({ verbs, resources }) => `${verbs} ${resources}`,
  columns: [
    { name: 'verbs', value: ({ verbs }) => verbs },
    { name: 'resources', value: ({ resources }) => resources },
    { name: 'handles', value: ({ handles }) => handles },
  ],
}

async function listRules(session: Session): Promise<void> {
  const answer = await post(session, `${reviewsPath}/selfsubjectrulesreviews`, { spec: {} })
  const { resourceRules, evaluationError } = statusIn(answer)
  const rules: readonly unknown[] = Array.isArray(resourceRules) ? resourceRules : []
  const rows = rules.filter(isFields).map(({ verbs, resources, resourceNames }) => ({
    verbs: textsIn(verbs).join(', '),
    resources: textsIn(resources).join(', '),
    handles: textsIn(resourceNames).join(', '),
  }))
  await session.printRows(ruleLayout, rows, answer, 'Nothing is allowed.')
  if (typeof evaluationError === 'string' && isRowFormat(session.format())) note(session.io, evaluationError)
}

/** Sends a review. They are Kubernetes', and not in the OpenAPI document. */
async function post(session: Session, path: string, body: object): Promise<Answer<object>> {
  const headers = { 'content-type': 'application/json' }
  const { text } = await (await session.transport()).send({ method: 'POST', path, headers, body: JSON.stringify(body) })
  const data: unknown = JSON.parse(text)
  return { data: isFields(data) ? data : {}, text }
}

function statusIn({ data }: Answer<object>): Readonly<Record<string, unknown>> {
  return isFields(data) && isFields(data['status']) ? data['status'] : {}
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
