import { setTimeout as pause } from 'node:timers/promises'
import { isFields, linesOf } from '../api/index.ts'
import { exitCodes, Failure, Refused } from '../failures.ts'
import { note } from '../io.ts'
import { ListPrinter, type Layout } from '../output/index.ts'
import { isRowFormat, type Session } from '../session.ts'
import type { Fields } from './merge-patch.ts'
import { printPairs } from './layouts.ts'

/** A kind whose changes can be watched: where it is served, and what to tell of an object. */
interface WatchedKind {
  readonly path: string
  readonly tell: (spec: Fields, metadata: Fields) => string
}

const calico = '/apis/projectcalico.org/v3'

const kinds = {
  pools: {
    path: `${calico}/ippools`,
    tell: (spec, metadata) => {
      const state = 'deletionTimestamp' in metadata ? 'is being deleted' : spec['disabled'] === true ? 'disabled' : ''
      return `${textOf(spec['cidr'])} ${state}`
    },
  },
  handles: {
    path: `${calico}/ipamhandles`,
    tell: (spec) => {
      const counts = Object.values(isFields(spec['block']) ? spec['block'] : {})
      return `${counts.reduce<number>((sum, count) => sum + Number(count), 0)} addresses`
    },
  },
  blocks: {
    path: `${calico}/ipamblocks`,
    tell: (spec) => {
      const ordinals: readonly unknown[] = Array.isArray(spec['allocations']) ? spec['allocations'] : []
      const used = ordinals.filter((ordinal) => ordinal !== null).length
      return `${textOf(spec['affinity']) || 'no affinity'}, ${used} of ${ordinals.length} in use or cooling`
    },
  },
  affinities: {
    path: `${calico}/blockaffinities`,
    tell: (spec) => `${textOf(spec['cidr'])} of ${textOf(spec['node'])}, ${textOf(spec['state'])}`,
  },
  nodes: {
    path: `${calico}/nodes`,
    tell: (_spec, { labels }) => {
      const entries = Object.entries(isFields(labels) ? labels : {})
      return printPairs(Object.fromEntries(entries.map(([name, value]) => [name, textOf(value)])))
    },
  },
  reservations: {
    path: `${calico}/ipreservations`,
    tell: ({ reservedCIDRs }) => (Array.isArray(reservedCIDRs) ? reservedCIDRs.map(textOf).join(', ') : ''),
  },
} as const satisfies Readonly<Record<string, WatchedKind>>

/** The kinds that can be watched. */
export const watchedKinds = ['pools', 'handles', 'blocks', 'affinities', 'nodes', 'reservations'] as const

/** A change, as it is printed. */
interface Change {
  readonly time: string
  readonly type: string
  readonly name: string
  readonly tells: string
}

const changeLayout: Layout<Change> = {
  name: ({ name }) => name,
  columns: [
    { name: 'time', value: ({ time }) => time },
    {
      name: 'change',
      value: ({ type }) => type,
      show: ({ type }) => type.toLowerCase().padEnd(8),
      tone: ({ type }) => (type === 'ADDED' ? 'good' : type === 'DELETED' ? 'bad' : undefined),
    },
    { name: 'name', value: ({ name }) => name, show: ({ name }) => name.padEnd(20) },
    { name: 'state', value: ({ tells }) => tells },
  ],
}

const pauseMs = 1_000

/** Prints up to `limit` changes of a kind, from now on. Goes on where it was if the connection is lost. */
export async function watchKind(session: Session, kind: (typeof watchedKinds)[number], limit: number): Promise<void> {
  const { path, tell }: WatchedKind = kinds[kind]
  const print = printerOf(session, tell)
  let version = await versionOf(session, path)
  let left = limit
  while (left > 0) {
    try {
      const stream = await (await session.transport()).open({
        method: 'GET',
        path: watchPath(path, version),
        headers: {},
      })
      for await (const line of linesOf(stream)) {
        const event: unknown = JSON.parse(line)
        const { type, object } = isFields(event) ? event : {}
        if (type === 'ERROR' || !isFields(object)) break
        version = fieldOf(object, 'resourceVersion') || version
        if (type === 'BOOKMARK') continue
        await print(line, textOf(type), object)
        left -= 1
        if (left === 0) break
      }
    } catch (problem) {
      const isExpired = problem instanceof Refused && problem.status.reason === 'Expired'
      const isLost = !(problem instanceof Failure) || problem.exitCode === exitCodes.unreachable
      if (!isExpired && !isLost) throw problem
      note(session.io, isExpired ? 'Some changes were missed.' : 'The connection is lost; trying again.')
      await pause(pauseMs)
      if (isExpired) version = await versionOf(session, path)
    }
  }
}

function watchPath(path: string, version: string): string {
  return `${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${version}`
}

/** The revision from which on changes are new. */
async function versionOf(session: Session, path: string): Promise<string> {
  const { text } = await (await session.transport()).send({ method: 'GET', path: `${path}?limit=1`, headers: {} })
  const list: unknown = JSON.parse(text)
  return isFields(list) ? fieldOf(list, 'resourceVersion') : ''
}

type Print = (line: string, type: string, object: Fields) => void | Promise<void>

/** Prints events as they come: as lines of JSON, documents of YAML, or rows. */
function printerOf(session: Session, tell: WatchedKind['tell']): Print {
  const format = session.format()
  if (format === 'json') {
    return (line) => {
      session.print(`${line}\n`)
    }
  }
  if (!isRowFormat(format)) {
    return async (line) => {
      session.print('---\n')
      await session.printAnswer({ data: { event: JSON.parse(line) as unknown }, text: line })
    }
  }
  const printer = new ListPrinter(changeLayout, format, session.style)
  return (_line, type, object) => {
    const { spec, metadata } = object
    const change = {
      time: new Date().toISOString().slice(0, 19).concat('Z'),
      type,
      name: fieldOf(object, 'name'),
      tells: tell(isFields(spec) ? spec : {}, isFields(metadata) ? metadata : {}).trim(),
    }
    session.print(printer.print([change]))
  }
}

/** A field of the metadata. */
function fieldOf({ metadata }: Fields, name: string): string {
  return isFields(metadata) ? textOf(metadata[name]) : ''
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
