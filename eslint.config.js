import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Syntax that is out everywhere. */
const unwantedSyntax = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name, so that one thing has one name everywhere.' },
]

/** What would make a function of the core depend on when, where or how often it is called. */
const impure = ['process', 'performance', 'crypto', 'console', 'fetch', 'setTimeout', 'setInterval', 'setImmediate']

export default defineConfig(
  globalIgnores(['dist/', '.tap/', '.data/', '.cache/', 'coverage/', 'openapi/', '.sdk/', 'examples/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-else-return': 'error',
      'no-param-reassign': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unsafe-type-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: true },
      ],
      // `const { secret: _, ...rest } = object` is how a field is left out.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // `() => log(...)` reads well as the whole body of a callback.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Numbers and bigints print as one expects; anything else in a template is a mistake.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'no-restricted-syntax': ['error', ...unwantedSyntax],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Only src/main.ts reads the environment; take the value as an argument.',
        },
        { object: 'process', property: 'exit', message: 'Only src/main.ts ends the process; throw instead.' },
      ],
    },
  },
  {
    // The pure core: the same arguments give the same answer, so that a plan can be made again and a test needs no clock.
    files: ['src/{plan,net,model,selector,ipam,resources}/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...impure.map((name) => ({ name, message: 'The core is pure: take the value as an argument.' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'The core is pure: take a seed as an argument.' },
        { object: 'Date', property: 'now', message: 'The core is pure: take `now` as an argument.' },
      ],
      'no-restricted-syntax': [
        'error',
        ...unwantedSyntax,
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'The core is pure: take `now` as an argument.',
        },
      ],
    },
  },
  {
    // Tests and benches talk to a person and look into answers whose types are what is being tested.
    files: ['test/**/*.ts', 'bench/**/*.ts', 'sdk/**/*.ts', 'scripts/**/*.ts'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
      // tap queues a subtest and its parent waits for it, awaited or not; an async subtest needs no `await` of its own.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: '@tapjs/test', name: ['test'] }] },
      ],
      '@typescript-eslint/require-await': 'off',
      // What a piece of shared set-up returns may be taken apart: `const { call } = await startInMemory(t)`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
)
