#!/bin/sh
# Runs after `npm install`: links node_modules/.bin/node to the Node that an optional dependency brought, if that Node runs here. All npm
# scripts and npx use it. npm 11 makes the link too. Older ones delete it again, together with the packages for other systems, which
# have a binary of the same name. Where the binary does not run, as on Alpine, the machine's own Node is used, and so it is if this package
# is a dependency of another one, which then has the folder of modules.
cd "$(dirname "$0")/../node_modules" 2>/dev/null || exit 0
mkdir -p .bin
rm -f .bin/node
for binary in node-*/bin/node; do
  if "$binary" --version >/dev/null 2>&1; then ln -s "../$binary" .bin/node; fi
done
