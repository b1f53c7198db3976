// Compile the params of every channel of the contract to plain code, by ajv.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';
import { shim } from './electron.mjs';

const contract = join(shim, '../rpcbackend/contract/openrpc.json');
const home = '#/components/schemas/';
// What says nothing about whether a value fits; without it the code is half as long.
const remarks = new Set(['title', 'description', 'default']);

/**
 * Write dist/validators.cjs, which `src/generated/validators.gen.d.ts` declares.
 *
 * One function per model, shared by all that refer to it; formats are left to the backend, which
 * alone can say whether there was a 29 February.
 */
export async function makeValidators() {
  const bytes = await readFile(contract);
  const { components, methods } = JSON.parse(bytes.toString('utf8'));
  const ajv = new Ajv2020.default({
    strict: false,
    validateFormats: false,
    allErrors: true,
    messages: false,
    code: { source: true, esm: true },
  });
  for (const [name, schema] of Object.entries(components.schemas)) {
    ajv.addSchema(lean(schema), name);
  }
  const models = ['CallMeta', ...methods.map((method) => method['x-params'])];
  const code = standaloneCode.default(ajv, Object.fromEntries(models.map((name) => [name, name])));
  const channels = methods.map(({ name, 'x-params': model }) => `'${name}': ${model},`);
  const hash = createHash('sha256').update(bytes).digest('hex');
  const module = [
    code,
    `export const contractHash = '${hash}';`,
    'export const validateMeta = CallMeta;',
    `export const validators = {${channels.join('')}};`,
  ].join('\n');
  await build({
    stdin: {
      contents: module.replace(/export const (?=[A-Z])/g, 'const '),
      resolveDir: shim,
      loader: 'js',
    },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node12.14',
    outfile: join(shim, 'dist/validators.cjs'),
  });
}

/** Drop the remarks, and name models as ajv knows them here. */
function lean(schema) {
  if (Array.isArray(schema)) {
    return schema.map(lean);
  }
  if (typeof schema !== 'object' || schema === null) {
    return schema;
  }
  const entries = Object.entries(schema)
    .filter(([key, value]) => !key.startsWith('x-') && !(remarks.has(key) && isRemark(value)))
    .map(([key, value]) => [key, key === '$ref' ? value.replace(home, '') : lean(value)]);
  return Object.fromEntries(entries);
}

/** A property may be called `title` as well: that is a schema. */
function isRemark(value) {
  return typeof value !== 'object' || value === null || Array.isArray(value);
}
