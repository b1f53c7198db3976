// Build dist/: bundles by esbuild, declarations by tsc (npm run build does both), the example, the tests.
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { makeValidators } from './validators.mjs';

// Electron 9 carries Node 12.14 and Chrome 83; newer ones run the same files.
const node = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node12.14',
  external: ['electron'],
};
const web = { bundle: true, platform: 'browser', target: 'chrome83' };
const preload = { ...web, format: 'cjs', external: ['electron'] };
const page = { ...web, format: 'iife' };

/** Share one file of validators, which lies at *path* as seen from the bundle, or take it in. */
const validatorsAt = (path, external = true) => ({
  name: 'validators',
  setup: ({ onResolve }) => {
    onResolve({ filter: /validators\.gen$/ }, () => ({ path, external }));
  },
});

await rm('dist', { recursive: true, force: true });
await makeValidators();
await Promise.all([
  build({
    ...node,
    plugins: [validatorsAt('./validators.cjs')],
    entryPoints: { main: 'src/main/index.ts', node: 'src/main/node.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
  }),
  build({
    ...node,
    plugins: [validatorsAt('./validators.cjs')],
    external: ['electron', 'playwright-core'],
    entryPoints: ['src/testing/index.ts'],
    outfile: 'dist/testing.cjs',
  }),
  build({ ...preload, entryPoints: ['src/preload/index.ts'], outfile: 'dist/preload.cjs' }),
  build({
    ...web,
    format: 'cjs',
    entryPoints: ['src/renderer/index.ts'],
    outfile: 'dist/renderer.cjs',
  }),
  build({
    ...web,
    format: 'esm',
    entryPoints: ['src/renderer/index.ts'],
    outfile: 'dist/renderer.mjs',
  }),
  buildExample(),
  buildDesk(),
  buildTests(),
]);

async function buildExample() {
  await mkdir('dist/example', { recursive: true });
  await Promise.all([
    build({
      ...node,
      plugins: [validatorsAt('../validators.cjs')],
      entryPoints: ['example/main/main.ts'],
      outfile: 'dist/example/main.cjs',
    }),
    build({
      ...preload,
      entryPoints: ['src/preload/index.ts'],
      outfile: 'dist/example/preload.cjs',
    }),
    build({ ...page, entryPoints: ['example/renderer/app.ts'], outfile: 'dist/example/app.js' }),
    cp('example/renderer/index.html', 'dist/example/index.html'),
    build({
      ...page,
      entryPoints: ['example/renderer/style/style.css'],
      outfile: 'dist/example/style.css',
      loader: { '.woff2': 'file' },
    }),
  ]);
}

/** The same desk for a browser: one file of it is another one, and it may call where it came from. */
async function buildDesk() {
  await mkdir('dist/desk', { recursive: true });
  const transport = resolve('example/renderer/mirror/transport.ts');
  const overMirror = {
    name: 'over-the-mirror',
    setup: ({ onResolve }) => {
      onResolve({ filter: /^\.{1,2}\/transport$/ }, () => ({ path: transport }));
    },
  };
  const html = await readFile('example/renderer/index.html', 'utf8');
  const policy = "default-src 'none'; ";
  if (!html.includes(policy)) {
    throw new Error('the policy of the desk is another one');
  }
  await Promise.all([
    build({
      ...page,
      plugins: [overMirror],
      entryPoints: ['example/renderer/app.ts'],
      outfile: 'dist/desk/app.js',
    }),
    writeFile('dist/desk/index.html', html.replace(policy, `${policy}connect-src 'self'; `)),
    build({
      ...page,
      entryPoints: ['example/renderer/style/style.css'],
      outfile: 'dist/desk/style.css',
      loader: { '.woff2': 'file' },
    }),
  ]);
}

async function buildTests() {
  const sources = [
    ...(await filesUnder('src')),
    ...(await filesUnder('example')),
    ...(await filesUnder('e2e')),
  ];
  const tests = sources.filter((name) => name.endsWith('.test.ts') || name.endsWith('.child.ts'));
  await build({
    ...node,
    target: 'node20',
    plugins: [validatorsAt(resolve('dist/validators.cjs'), false)],
    entryPoints: tests,
    outbase: '.',
    outdir: 'dist/test',
    outExtension: { '.js': '.cjs' },
    external: ['electron', 'playwright-core', 'axe-core'],
    sourcemap: 'inline',
  });
}

async function filesUnder(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}
