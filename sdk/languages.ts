import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'
import { run } from './commands.ts'

/** A command of an example: on the server at `url`. */
export interface ExampleCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
}

/** How the SDK of a language is made and compiled, and how its example is run. */
export interface Language {
  readonly name: 'typescript' | 'go' | 'python' | 'java' | 'curl'
  /** The tools that are needed, each with the command that prints its version. */
  readonly toolchain: Readonly<Record<string, readonly string[]>>
  /** Makes the SDK anew, from the published document. */
  readonly generate: () => Promise<void>
  /** Compiles the SDK, as strictly as the language and the generator's own settings allow. Throws with what is wrong. */
  readonly compile: () => Promise<void>
  /** Compiles the example, as strictly as the language allows. Throws with what is wrong. */
  readonly compileExample: () => Promise<void>
  /** How to run the compiled example on the server at `url`. */
  readonly example: (url: string) => Promise<ExampleCommand>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const inRoot = (...parts: readonly string[]): string => join(root, ...parts)

/** The folder of the SDKs; git ignores it. */
const sdkFolder = inRoot('.sdk')
const inSdks = (...parts: readonly string[]): string => join(sdkFolder, ...parts)

/** openapi-generator, as Maven Central has it. It reads the older form best: it calls its own support of 3.1 a beta. */
const generator = 'openapi-generator-cli'
const generatorVersion = '7.25.0'
const jar = `${generator}-${generatorVersion}.jar`
const javaAndMaven = { Java: ['javac', '-version'], Maven: ['mvn', '--version'] }

async function generate(language: string, options: readonly string[]): Promise<void> {
  await mkdir(sdkFolder, { recursive: true })
  const artifact = `org.openapitools:${generator}:${generatorVersion}`
  await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${sdkFolder}`])
  await rm(inSdks(language), { recursive: true, force: true })
  const input = ['-i', inRoot('openapi', 'ippoold-3.0.json'), '-g', language, '-o', inSdks(language)]
  const withoutTests = ['--global-property', 'apiTests=false,modelTests=false']
  await run('java', ['-jar', inSdks(jar), 'generate', ...input, ...withoutTests, ...options])
}

const typescript: Language = {
  name: 'typescript',
  toolchain: { 'Node.js': ['node', '--version'] },
  generate: async () => {
    const document = await readFile(inRoot('openapi', 'ippoold.json'), 'utf8')
    await mkdir(inSdks('typescript'), { recursive: true })
    await writeFile(inSdks('typescript', 'ippoold.ts'), astToString(await openapiTS(document)))
  },
  compile: () => checkTypes(inRoot('sdk', 'typescript.json')),
  compileExample: () => checkTypes(inRoot('examples', 'typescript')),
  example: (url) =>
    Promise.resolve({
      command: process.execPath,
      args: ['example.ts', url],
      cwd: inRoot('examples', 'typescript'),
    }),
}

async function checkTypes(project: string): Promise<void> {
  await run(process.execPath, [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-p', project])
}

const errorText = 'func formatErrorMessage(status string, v interface{}) string {\n'

/**
 * Lets the errors of the Go client print the message of the Status. The generator prints the fields `title` and `detail` of a body, as
 * RFC 9457 has them, and no setting of it names others.
 */
async function printMessages(file: string): Promise<void> {
  const code = await readFile(file, 'utf8')
  if (!code.includes(errorText)) throw new Error(`${file} prints its errors in another way than expected`)
  const statement = `	if body, ok := v.(interface{ GetMessage() string }); ok && body.GetMessage() != "" {
		return fmt.Sprintf("%s: %s", status, body.GetMessage())
	}
`
  await writeFile(file, code.replace(errorText, `${errorText}${statement}`))
}

const inExampleGo = { cwd: inRoot('examples', 'go') }

const go: Language = {
  name: 'go',
  toolchain: { Go: ['go', 'version'], ...javaAndMaven },
  generate: async () => {
    await generate('go', [
      ...['--git-host', 'example.org', '--git-user-id', 'ippoold', '--git-repo-id', 'ippoold-go'],
      '--additional-properties=packageName=ippoold',
    ])
    await printMessages(inSdks('go', 'client.go'))
  },
  compile: async () => {
    await run('go', ['build', './...'], { cwd: inSdks('go') })
    await run('go', ['vet', './...'], { cwd: inSdks('go') })
  },
  compileExample: async () => {
    await run('go', ['vet', './...'], inExampleGo)
    await run('go', ['build', '-o', inSdks('go-example'), '.'], inExampleGo)
  },
  example: (url) => Promise.resolve({ command: inSdks('go-example'), args: [url], ...inExampleGo }),
}

const inVenv = (command: string): string => inSdks('python-venv', 'bin', command)
const inExamplePython = { cwd: inRoot('examples', 'python') }
const mypy = ['--cache-dir', inSdks('mypy-cache')]

const python: Language = {
  name: 'python',
  toolchain: { Python: ['python3', '--version'], ...javaAndMaven },
  generate: () => generate('python', ['--additional-properties=packageName=ippoold']),
  compile: async () => {
    await run('python3', ['-m', 'venv', inSdks('python-venv')])
    const checker = ['mypy==1.18.2', 'types-python-dateutil==2.9.0.20250822']
    await run(inVenv('pip'), ['install', '--quiet', '--disable-pip-version-check', inSdks('python'), ...checker])
    await run(inVenv('python'), ['-W', 'error', '-m', 'compileall', '-q', '-f', 'ippoold'], { cwd: inSdks('python') })
    // As strict as the generator promises its code to be: with the settings that it writes beside it.
    await run(inVenv('mypy'), [...mypy, '-p', 'ippoold'], { cwd: inSdks('python') })
  },
  compileExample: async () => {
    await run(inVenv('mypy'), [...mypy, '--strict', 'example.py'], inExamplePython)
  },
  example: (url) =>
    Promise.resolve({ command: inVenv('python'), args: ['-W', 'error', 'example.py', url], ...inExamplePython }),
}

const inExampleJava = { cwd: inRoot('examples', 'java') }

async function classPathOfExample(): Promise<string> {
  const libraries = await readFile(inSdks('java-classpath'), 'utf8')
  return [inSdks('java-example'), inSdks('java', 'target', 'classes'), libraries.trim()].join(delimiter)
}

const java: Language = {
  name: 'java',
  toolchain: javaAndMaven,
  generate: () =>
    generate('java', [
      ...['--invoker-package', 'ippoold', '--api-package', 'ippoold.api', '--model-package', 'ippoold.model'],
      ...['--group-id', 'ippoold', '--artifact-id', 'ippoold-java', '--artifact-version', '0.1.0'],
    ]),
  compile: async () => {
    // Its own settings have -Xlint:all; what that warns of is in the code that the generator brings along.
    await run('mvn', ['-q', '-B', '-DskipTests', 'compile'], { cwd: inSdks('java') })
    const target = `-Dmdep.outputFile=${inSdks('java-classpath')}`
    await run('mvn', ['-q', '-B', 'dependency:build-classpath', target], { cwd: inSdks('java') })
  },
  compileExample: async () => {
    await mkdir(inSdks('java-example'), { recursive: true })
    // The libraries use annotations whose own classes they do not bring along, which an example cannot mend.
    const strict = ['-Xlint:all,-classfile,-processing', '-Werror']
    const output = ['-d', inSdks('java-example'), '-cp', await classPathOfExample()]
    await run('javac', [...strict, ...output, 'Example.java'], inExampleJava)
  },
  example: async (url) => ({
    command: 'java',
    args: ['-cp', await classPathOfExample(), 'Example', url],
    ...inExampleJava,
  }),
}

const inExampleCurl = { cwd: inRoot('examples', 'curl') }

const curl: Language = {
  name: 'curl',
  toolchain: { Bash: ['bash', '--version'], curl: ['curl', '--version'], jq: ['jq', '--version'] },
  generate: () => Promise.resolve(),
  compile: () => Promise.resolve(),
  compileExample: async () => {
    await run('bash', ['-n', 'example.sh'], inExampleCurl)
  },
  example: (url) => Promise.resolve({ command: 'bash', args: ['example.sh', url], ...inExampleCurl }),
}

/** Every language that there is an example in. */
export const languages = { typescript, go, python, java, curl } as const satisfies Readonly<Record<string, Language>>
