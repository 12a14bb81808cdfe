/**
 * Which folder may import which: arrows point down only. `mayImport` is the whole truth; everything else is refused, a new folder
 * without a line here too. main.ts and serve.ts start the process and see every folder; no folder sees the files beside it.
 */
const mayImport = {
  plan: [],
  net: ['plan'],
  selector: [],
  model: ['plan', 'net', 'selector'],
  access: ['plan', 'model', 'net', 'selector'],
  audit: ['plan', 'access', 'model', 'net', 'selector'],
  ipam: ['plan', 'access', 'model', 'net', 'selector'],
  resources: ['plan', 'ipam', 'access', 'model', 'net', 'selector'],
  datastore: ['plan', 'model', 'net', 'kubeconfig'],
  authentication: ['access', 'datastore', 'model', 'plan'],
  'audit-log': ['audit', 'datastore', 'model'],
  metrics: ['plan', 'ipam', 'model', 'net', 'datastore'],
  traces: ['datastore'],
  http: ['plan', 'resources', 'ipam', 'access', 'audit', 'datastore', 'model', 'net', 'selector'],
  upkeep: ['plan', 'resources', 'ipam', 'datastore', 'model', 'net', 'selector'],
  'embedded-etcd': [],
  backup: ['datastore', 'embedded-etcd', 'plan'],
  start: [],
  kubeconfig: [],
  cli: ['backup', 'kubeconfig'],
}

const core = '^src/(plan|net|model|selector|access|audit|ipam|resources)/'

const arrows = Object.entries(mayImport).map(([folder, below]) => ({
  name: `arrows-of-${folder}`,
  comment: `src/${folder} may import ${below.map((name) => `src/${name}`).join(', ') || 'no other folder'}. Move what both need further down, or pass it in.`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...below].join('|')})/` },
}))

/**
 * A folder's index.ts is its face. A file imports the files of its own folder and of the folders around it; of any other folder it imports
 * only the face.
 */
const faces = ['', '/([^/]+)', '/([^/]+)/([^/]+)'].flatMap((above, depth) => {
  const inside = `^src${['', '/$1', '/$1/$2'][depth]}`
  const face = `${inside}/[^/]+/index\\.ts$`
  const own = `${inside}/$${depth + 1}/`
  return [
    { name: `only-the-face-of-a-folder-below-${depth}`, from: `^src${above}/[^/]+$`, pathNot: [face] },
    { name: `only-the-face-of-a-folder-beside-${depth}`, from: `^src${above}/([^/]+)/`, pathNot: [face, own] },
  ].map(({ name, from, pathNot }) => ({
    name,
    comment: 'Import the index.ts of the other folder; export there what is missing.',
    severity: 'error',
    // Backups are of etcd itself, and have a rule of their own.
    from: { path: from, pathNot: '^src/((main|serve)\\.ts$|backup/)' },
    to: { path: `${inside}/[^/]+/`, pathNot },
  }))
})

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'every-folder-has-its-arrows',
      comment: 'Say in .dependency-cruiser.cjs what this folder may import.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${Object.keys(mayImport).join('|')})/` },
      to: { path: '^src/' },
    },
    ...faces,
    {
      name: 'started-by-main-only',
      comment:
        'The embedded etcd, the upkeep and the parts of the process are for main.ts and serve.ts; of others, only backups use the first.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/((embedded-etcd|upkeep|start|backup)/|(main|serve)\\.ts$)' },
      to: { path: '^src/(embedded-etcd|upkeep|start)/' },
    },
    {
      name: 'backups-use-faces',
      comment: 'src/backup imports the faces of the store on etcd and of the embedded etcd, and nothing behind them.',
      severity: 'error',
      from: { path: '^src/backup/' },
      to: { path: '^src/', pathNot: '^src/(backup/|(datastore|datastore/etcd|embedded-etcd|plan)/index\\.ts$)' },
    },
    {
      name: 'the-command-line-is-a-client',
      comment:
        'ippool knows the server by its HTTP API only, and a server never loads ippool: bin/ippool.js starts it. Backups are of etcd itself.',
      severity: 'error',
      from: { path: '^(src|sdk)/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'the-command-line-prints-purely',
      comment: 'src/cli/output makes texts of values; what does I/O is beside it.',
      severity: 'error',
      from: { path: '^src/cli/output/' },
      to: { pathNot: '^src/cli/output/' },
    },
    {
      name: 'formats-are-pure',
      comment:
        'src/cli/formats makes entries of texts, and texts of entries; src/cli/moving opens the files, and calls the server.',
      severity: 'error',
      from: { path: '^src/cli/formats/' },
      to: { pathNot: '^(src/cli/formats/|node_modules/csv-parse/|(crypto|net|stream)$)' },
    },
    {
      name: 'libraries-of-the-command-line',
      comment: 'What parses the command line of ippool, and calls the server, is for src/cli.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^node_modules/(commander|@commander-js/[^/]+|openapi-fetch|csv-parse)/' },
    },
    {
      name: 'the-face-knows-no-store',
      comment:
        'src/datastore says what every store offers; a store in a folder of its own implements it, and serve.ts opens one.',
      severity: 'error',
      from: { path: '^src/datastore/[^/]+$' },
      to: { path: '^src/datastore/[^/]+/' },
    },
    {
      name: 'only-the-store-of-objects-knows-addresses',
      comment:
        "An API server stores Calico's data in another form than etcd, so src/datastore/kubernetes reads it; other stores see keys and bytes.",
      severity: 'error',
      from: { path: '^src/datastore/', pathNot: '^src/datastore/kubernetes/' },
      to: { path: '^src/(model|net)/' },
    },
    {
      name: 'the-page-is-a-client',
      comment:
        'The page knows the server by its HTTP API only. It shares the arithmetic of addresses and the selector language, which are pure.',
      severity: 'error',
      from: { path: '^ui/' },
      to: { path: '^(src|test|bench|sdk|scripts)/', pathNot: '^src/(net|selector|plan)/' },
    },
    {
      name: 'the-server-without-the-page',
      comment: 'Only the built page is served; no code of it runs in the server.',
      severity: 'error',
      from: { path: '^(src|bench|sdk|scripts)/' },
      to: { path: '^ui/' },
    },
    {
      name: 'the-texts-of-the-page-are-pure',
      comment: 'ui/src/text makes texts of values; what does I/O is beside it.',
      severity: 'error',
      from: { path: '^ui/src/text/' },
      to: { pathNot: '^ui/src/text/' },
    },
    {
      name: 'parts-of-the-page-know-no-view',
      comment: 'Views are made of parts, actions and the map; none of them knows a view.',
      severity: 'error',
      from: { path: '^ui/src/(api|router|live|text|theme|parts|map|actions|editing|merging|yaml|search|selecting)/' },
      to: { path: '^ui/src/(views|frame)/' },
    },
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one file, or share a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nothing imports this file: delete it, or use it.',
      severity: 'error',
      from: { path: '^src/', orphan: true },
      to: {},
    },
    {
      name: 'src-without-tests',
      comment: 'What runs in production does not depend on tests and benches.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'test-without-bench',
      comment: 'Share it through test/support.',
      severity: 'error',
      from: { path: '^test/' },
      to: { path: '^bench/' },
    },
    {
      name: 'core-is-pure',
      comment:
        'plan, net, model, selector, access, audit, ipam and resources do no I/O: of Node they import node:assert only.',
      severity: 'error',
      from: { path: core },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?assert(/strict)?$' },
    },
    {
      name: 'ip-num-at-the-edge',
      comment: 'src/net wraps ip-num; use src/net.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/net/' },
      to: { path: '^node_modules/ip-num/' },
    },
    {
      name: 'etcd3-in-the-datastore',
      comment: 'src/datastore wraps the etcd client and its hazards; use src/datastore.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/datastore/' },
      to: { path: '^node_modules/(etcd3|cockatiel|@grpc/grpc-js)/' },
    },
    {
      name: 'opentelemetry-in-traces',
      comment: 'src/traces makes spans of what the Probe hears; tell the Probe more instead.',
      severity: 'error',
      from: { path: '^(src|sdk)/', pathNot: '^src/traces/' },
      to: { path: '^node_modules/@opentelemetry/' },
    },
    {
      name: 'the-sdk-in-one-place',
      comment: 'The SDK of OpenTelemetry is started in sdk.ts, and reports in exporting.ts; all else uses its API.',
      severity: 'error',
      from: { path: '^src/traces/', pathNot: '^src/traces/(sdk|exporting)\\.ts$' },
      to: { path: '^node_modules/@opentelemetry/', pathNot: '^node_modules/@opentelemetry/(api|core)/' },
    },
    {
      name: 'traces-on-demand',
      comment: 'Without traces nothing of OpenTelemetry is loaded: open.ts imports it when they are wanted.',
      severity: 'error',
      from: { path: '^src/(traces/(index|open|settings)\\.ts$|(?!traces/))' },
      to: {
        path: '^src/traces/',
        pathNot: '^src/traces/(index|open|settings)\\.ts$',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'fastify-in-http',
      comment: 'HTTP stays in src/http.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(http/|(main|serve)\\.ts$)' },
      to: { path: '^node_modules/(fastify|fastify-plugin|@fastify/[^/]+)/' },
    },
    {
      name: 'no-dev-dependency-in-src',
      comment: 'Move the package to "dependencies".',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
}
