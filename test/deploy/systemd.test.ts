import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseConfig } from '../../src/config.ts'
import { exitCodes } from '../../src/start/failure.ts'
import { temporaryFolder } from '../support/etcd.ts'

const folder = fileURLToPath(new URL('../../deploy/systemd', import.meta.url))
const unitFile = join(folder, 'ippoold.service')
const unit = readFileSync(unitFile, 'utf8')

/** A reason to skip a test, unless the program is here. */
function unlessThereIs(program: string): string | false {
  return spawnSync(program, ['--version']).error !== undefined && `there is no ${program}: install Debian's systemd`
}

/** The value of the option of the unit. */
function option(name: string): string | undefined {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]
}

/** The variables of a file of settings, those that are commented out as well. */
function variablesIn(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  )
}

t.test('the unit is exposed less than 3.0', { skip: unlessThereIs('systemd-analyze') }, async (t) => {
  const run = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', '--threshold=29', unitFile], {
    encoding: 'utf8',
  })
  t.equal(run.status, 0, 'the exposure is below the threshold', { stdout: run.stdout, stderr: run.stderr })
  const [, exposure] = /Overall exposure level for ippoold\.service: (\d+\.\d)/.exec(run.stdout) ?? []
  t.ok(Number(exposure) < 3, `the exposure is ${String(exposure)}`)
})

t.test('systemd finds nothing wrong in the unit', { skip: unlessThereIs('systemd-analyze') }, async (t) => {
  const place = await temporaryFolder(t)
  const verify = async (text: string) => {
    await writeFile(join(place, 'ippoold.service'), text)
    return spawnSync('systemd-analyze', ['verify', '--man=no', join(place, 'ippoold.service')], { encoding: 'utf8' })
  }
  // It looks whether the program is there.
  const here = unit.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
  t.match(await verify(here), { status: 0, stderr: '' })
  t.match(await verify(`${here}ProtectHom=yes\n`.replace('[Install]', '[Service]')), { stderr: /ProtectHom/ })
})

t.test('the user and the folder of the settings are made', { skip: unlessThereIs('systemd-sysusers') }, async (t) => {
  const root = await temporaryFolder(t)
  mkdirSync(join(root, 'etc'))
  execFileSync('systemd-sysusers', [`--root=${root}`, join(folder, 'ippoold.sysusers.conf')])
  const passwd = await readFile(join(root, 'etc', 'passwd'), 'utf8')
  t.match(passwd, /^ippoold:[^:]*:\d+:\d+:[^:]*:\/var\/lib\/ippoold:\/usr\/sbin\/nologin$/m)
  // Only root may give files to another user.
  if (process.getuid?.() !== 0) return
  mkdirSync(join(root, 'etc', 'ippoold'))
  writeFileSync(join(root, 'etc', 'ippoold', 'ippoold.env'), '', { mode: 0o644 })
  execFileSync('systemd-tmpfiles', ['--create', `--root=${root}`, join(folder, 'ippoold.tmpfiles.conf')])
  const [, user] = /^ippoold:[^:]*:\d+:(\d+):/m.exec(passwd) ?? []
  for (const [name, mode] of [
    ['etc/ippoold', 0o750],
    ['etc/ippoold/ippoold.env', 0o640],
  ] as const) {
    const stat = statSync(join(root, name))
    t.strictSame([stat.mode & 0o777, stat.uid, stat.gid], [mode, 0, Number(user)], name)
  }
})

t.test('the settings are settings, and so are those that are commented out', async (t) => {
  const variables = variablesIn(readFileSync(join(folder, 'ippoold.env'), 'utf8'))
  t.match(parseConfig([], variables), { ok: true })
  t.ok(Object.keys(variables).length > 8)
  const environment =
    option('Environment')
      ?.split(' ')
      .filter((one) => !one.startsWith('NODE_')) ?? []
  t.match(parseConfig([], variablesIn(environment.join('\n'))), {
    ok: true,
    config: { dataDir: '/var/lib/ippoold', cacheDir: '/var/cache/ippoold' },
  })
  t.equal(option('EnvironmentFile'), '/etc/ippoold/ippoold.env')
})

t.test('the unit fits to the program', async (t) => {
  t.equal(option('RestartPreventExitStatus'), String(exitCodes.badSetting))
  const variables = variablesIn(readFileSync(join(folder, 'ippoold.env'), 'utf8'))
  t.ok(Number(option('TimeoutStopSec')) > Number(variables['IPPOOLD_DRAIN_MS']) / 1000 + 20, 'there is time to drain')
  const [, program = ''] = /^ExecStart=.* \/opt\/ippoold\/current\/(\S+)$/m.exec(unit) ?? []
  t.ok(existsSync(fileURLToPath(new URL(`../../${program}`, import.meta.url))), program)
})
