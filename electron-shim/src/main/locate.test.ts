import { deepEqual, equal, throws } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Failure } from '../shared/errors';
import { makeOptions, symbolOf } from '../testing/rig';
import { createBackend } from './backend';
import { resolveBackend } from './locate';

const linux = { platform: 'linux', arch: 'x64' };

test('a packaged app has its Python beside it, whatever the environment says', () => {
  const program = resolveBackend(
    { dataDir: '/data', resourcesPath: '/app/resources', env: { RPCBACKEND_PYTHON: '/evil' } },
    linux,
  );

  equal(program.command, '/app/resources/backend/linux-x64/python/bin/python3');
  deepEqual(program.args.slice(-2), ['--data-dir', '/data']);
});

test("Windows' long form of the path is not handed to Python", () => {
  const windows = { platform: 'win32', arch: 'arm64' };

  const { command } = resolveBackend({ dataDir: 'd', resourcesPath: '\\\\?\\C:\\app' }, windows);

  equal(command, join('C:\\app', 'backend', 'win32-arm64', 'python', 'python.exe'));
});

test('while one develops it is the Python of the environment, else of the venv', () => {
  const places = { dataDir: '/data', venv: '/venv' };

  equal(resolveBackend(places, linux).command, '/venv/bin/python');
  equal(resolveBackend({ ...places, env: { RPCBACKEND_PYTHON: '/py' } }, linux).command, '/py');
});

test('a Python that is not there is told where failures are told, by its path', async () => {
  const program = resolveBackend({ dataDir: '/data', venv: '/nowhere' }, linux);
  const backend = createBackend({ ...makeOptions([]), backend: program });
  const failed = new Promise<Failure>((resolve) => {
    backend.on('failed', ({ reason }) => resolve(reason));
  });

  equal(await symbolOf(backend.startServer()), 'SPAWN_FAILED');

  equal((await failed).message, 'There is no program at /nowhere/bin/python.');
});

test('whoever gives no place at all has a bug', () => {
  throws(() => resolveBackend({ dataDir: '/data' }, linux), RangeError);
});
