/** The files of dist/ as an app requires them. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BackendError } from '../main';
import type { FakeBackend } from './fakeBackend';

const dist = join(__dirname, '../../..');
const load = createRequire(join(dist, 'test'));

test('an error of one bundle is known in the others', async () => {
  const testing = load('./testing.cjs') as { FakeBackend: typeof FakeBackend };
  const others = ['./node.cjs', './renderer.cjs'].map(
    (file) => load(file) as { BackendError: typeof BackendError },
  );
  const backend = new testing.FakeBackend();

  const error: unknown = await backend.send('ping', {}).catch((reason: unknown) => reason);

  for (const { BackendError: known } of others) {
    ok(error instanceof known);
    equal(new Error('no') instanceof known, false);
  }
});

test('what a window loads is small', () => {
  const sizes = ['preload.cjs', 'renderer.mjs'].map((name) => statSync(join(dist, name)).size);

  deepEqual(
    sizes.map((bytes) => bytes < 16_384),
    [true, true],
  );
});
