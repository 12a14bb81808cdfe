import { type CommandUnknownOpts, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { FailureKind, MemberFlags, Restored, Taken, Verified } from '../../backup/index.ts'
import { type ExitCode, exitCodes, Failure } from '../failures.ts'
import { note } from '../io.ts'
import type { Cli, Session } from '../session.ts'
import { dryNote, dryRunFlag, examples } from './options.ts'

/** More revisions than a cluster makes between a backup and its end; Kubernetes advises as many. */
const usualBump = 1_000_000_000n

/** `backup` and `restore`. They work on etcd itself: without a server, and with the rights of etcd's root. */
export function addBackupCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('backup')
    .description('take a backup of etcd: a snapshot, verified, with a manifest FILE.json beside it')
    .argument('<file>', 'a new file, or - for standard output')
    .addOption(new Option('--etcd-endpoints <urls>', 'members of an external etcd').env('ETCD_ENDPOINTS'))
    .addOption(new Option('--etcd-ca-cert-file <file>', "CA certificates of etcd's (PEM)").env('ETCD_CA_CERT_FILE'))
    .addOption(new Option('--etcd-cert-file <file>', 'client certificate for etcd (PEM)').env('ETCD_CERT_FILE'))
    .addOption(new Option('--etcd-key-file <file>', 'key of that certificate (PEM)').env('ETCD_KEY_FILE'))
    .addOption(new Option('--etcd-username <name>', 'user name for etcd').env('ETCD_USERNAME'))
    .addOption(new Option('--etcd-password <password>', 'its password; prefer the variable').env('ETCD_PASSWORD'))
    .addOption(dataDirOption())
    .option('--without-quorum', 'take what one member has, although most of them are lost')
    .addHelpText(
      'after',
      examples([
        ['ippool backup ipam.db', 'of the embedded etcd in .data'],
        ['ippool backup ipam.db --etcd-endpoints https://etcd-1:2379', 'of an etcd cluster'],
        ['ippool backup - | age -r KEY > ipam.db.age', 'without a readable copy on disk'],
      ]),
    )
    .action(async (file, flags) => {
      const session = cli.session()
      const { connectionOf, takeBackup } = await import('../../backup/index.ts')
      await failing(async () => {
        const target = file === '-' ? session.io.stdout : file
        const taken = await takeBackup(await connectionOf(flags), target, progressOf(session, 'received'), {
          hasQuorum: flags.withoutQuorum !== true,
        })
        session.progress.end()
        await tellBackup(session, file, taken)
      })
    })

  program
    .command('restore')
    .description('make a new data directory of etcd from a backup, which is verified first')
    .argument('<file>', 'a backup; FILE.json beside it is its manifest')
    .addOption(dataDirOption())
    .addOption(new Option('--etcd-data-dir <dir>', 'data directory of a member of an external etcd instead'))
    .addOption(new Option('--name <name>', 'name of the member').default('default'))
    .addOption(
      new Option('--initial-cluster <members>', 'all members, as NAME=PEER-URL,...').default(
        'default=http://localhost:2380',
      ),
    )
    .addOption(
      new Option('--initial-advertise-peer-urls <urls>', 'peer URLs of the member').default('http://localhost:2380'),
    )
    .addOption(new Option('--initial-cluster-token <token>', 'token of the new cluster'))
    .addOption(
      new Option('--bump-revision <count>', 'raise the revision, if the tool can')
        .argParser(readCount)
        // The help prints defaults as JSON, which has no bigint.
        .default(usualBump, String(usualBump)),
    )
    .addOption(new Option('--etcdutl <file>', 'the etcdutl or etcdctl to use'))
    .addOption(new Option('--etcd-binary <file>', 'the etcd that will run in --data-dir').env('IPPOOLD_ETCD_BINARY'))
    .addOption(new Option('--cache-dir <dir>', 'where fetched programs are kept').env('IPPOOLD_CACHE_DIR'))
    .option(...dryRunFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool restore ipam.db --data-dir new', 'for an ippoold with an embedded etcd'],
        ['ippool restore ipam.db --dry-run', 'verify the backup, and nothing else'],
        ['ippool restore ipam.db --etcd-data-dir /var/lib/etcd', 'for an etcd of one member'],
      ]),
    )
    .action(async (file, flags) => {
      const session = cli.session()
      const { defaultCacheDir, restoreEmbedded, restoreMember, verifyBackup } = await import('../../backup/index.ts')
      const { environment } = session.io
      const options = {
        file,
        bumpRevision: flags.bumpRevision,
        tool: flags.etcdutl,
        cacheDir: flags.cacheDir ?? defaultCacheDir(environment),
        environment,
        announce: (line: string) => {
          note(session.io, line)
        },
      }
      await failing(async () => {
        const verified = await verifyBackup(file, progressOf(session, 'verified'))
        session.progress.end()
        if (verified.manifest === undefined)
          note(session.io, `There is no ${file}.json: only etcd's own checksum was verified.`)
        const { etcdDataDir } = flags
        const member: MemberFlags | undefined = etcdDataDir === undefined ? undefined : { ...flags, etcdDataDir }
        const restore = () =>
          member === undefined
            ? restoreEmbedded({ ...options, dataDir: flags.dataDir, binary: flags.etcdBinary })
            : restoreMember(options, member)
        await tellRestore(session, file, verified, flags.dryRun === true ? undefined : await restore(), member)
      })
    })
}

function dataDirOption() {
  return new Option('--data-dir <dir>', 'data directory of the embedded etcd').env('IPPOOLD_DATA_DIR').default('.data')
}

function readCount(text: string): bigint {
  if (!/^\d{1,15}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number; 0 leaves the revision as it is.')
  return BigInt(text)
}

const exitCodeOf: Readonly<Record<FailureKind, ExitCode>> = {
  flags: exitCodes.usage,
  exists: exitCodes.conflict,
  damaged: exitCodes.invalid,
  unreachable: exitCodes.unreachable,
  denied: exitCodes.forbidden,
  other: exitCodes.failure,
}

/** Carries out work on a backup, whose failures are for the person who calls. */
async function failing(work: () => Promise<void>): Promise<void> {
  const { BackupFailure } = await import('../../backup/index.ts')
  try {
    await work()
  } catch (problem) {
    if (!(problem instanceof BackupFailure)) throw problem
    throw new Failure(exitCodeOf[problem.kind], problem.message)
  }
}

function progressOf({ progress }: Session, done: string): (bytes: number, ofBytes: number) => void {
  return (bytes, ofBytes) => {
    progress.show(`${megabytes(bytes)} of ${megabytes(ofBytes)} ${done}`)
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

async function tellBackup(session: Session, file: string, { manifest, bytes, atLeast }: Taken): Promise<void> {
  if (manifest === undefined) {
    note(session.io, `backup written: ${megabytes(bytes)}, revision ${atLeast} or newer`)
    return
  }
  const keys = manifest.keys === null ? '' : `, ${manifest.keys} keys`
  await session.printDone(`backup ${file} written: ${megabytes(bytes)}, revision ${manifest.revision}${keys}`, [file], {
    data: manifest,
    text: JSON.stringify(manifest, null, 2),
  })
  note(session.io, 'It holds what etcd holds, hashes of tokens too. Keep it as secret as etcd.')
}

/** `restored` is undefined if it was a dry run, `member` for the embedded etcd. */
async function tellRestore(
  session: Session,
  file: string,
  { bytes, revision, manifest }: Verified,
  restored: Restored | undefined,
  member: MemberFlags | undefined,
): Promise<void> {
  const backup = { file, bytes, revision: String(revision), takenAt: manifest?.takenAt ?? null }
  const outcome = restored && { ...restored, bumpedBy: String(restored.bumpedBy) }
  const data = { backup, restored: outcome ?? null }
  const since = manifest === undefined ? '' : `, taken ${manifest.takenAt}`
  const sentence =
    restored === undefined
      ? `backup ${file} is whole: ${megabytes(bytes)}, revision ${revision}${since}${dryNote(true)}`
      : `backup ${file} restored to ${restored.dataDir} by ${restored.tool}: revision ${revision}${since}`
  await session.printDone(sentence, [restored?.dataDir ?? file], { data, text: JSON.stringify(data, null, 2) })
  if (restored === undefined) return
  if (restored.bumpedBy === 0n) {
    note(
      session.io,
      'The revision goes back to that of the backup: restart programs that watch, or have them list again.',
    )
  }
  note(session.io, `Start it: ${startOf(restored, member)}`)
  note(
    session.io,
    'What was changed after the backup is lost: docs/operations.md, "Restore", says what to do about it.',
  )
}

function startOf({ dataDir }: Restored, member: MemberFlags | undefined): string {
  if (member === undefined) return `ippoold --data-dir ${dataDir}`
  const { name, initialCluster, initialAdvertisePeerUrls: peers, initialClusterToken: token } = member
  const flags = [`--name ${name}`, `--data-dir ${dataDir}`, `--initial-cluster ${initialCluster}`]
  const others = [
    `--initial-advertise-peer-urls ${peers}`,
    ...(token === undefined ? [] : [`--initial-cluster-token ${token}`]),
  ]
  return `etcd ${[...flags, ...others].join(' ')}, with its other flags as before`
}
