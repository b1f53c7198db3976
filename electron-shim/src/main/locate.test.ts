import { deepEqual, equal, throws } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { BackendError } from '../shared/errors';
import { resolveBackend } from './locate';

const linux = { platform: 'linux', arch: 'x64', exists: () => true };

test('a packaged app has its Python beside it, whatever the environment says', () => {
  const program = resolveBackend(
    { dataDir: '/data', resourcesPath: '/app/resources', env: { RPCBACKEND_PYTHON: '/evil' } },
    linux,
  );

  equal(program.command, '/app/resources/backend/linux-x64/python/bin/python3');
  deepEqual(program.args.slice(-2), ['--data-dir', '/data']);
});

test("Windows' long form of the path is not handed to Python", () => {
  const windows = { platform: 'win32', arch: 'arm64', exists: () => true };

  const { command } = resolveBackend({ dataDir: 'd', resourcesPath: '\\\\?\\C:\\app' }, windows);

  equal(command, join('C:\\app', 'backend', 'win32-arm64', 'python', 'python.exe'));
});

test('while one develops it is the Python of the environment, else of the venv', () => {
  const places = { dataDir: '/data', venv: '/venv' };

  equal(resolveBackend(places, linux).command, '/venv/bin/python');
  equal(resolveBackend({ ...places, env: { RPCBACKEND_PYTHON: '/py' } }, linux).command, '/py');
});

test('a Python that is not there is named before anything is spawned', () => {
  const nothing = { ...linux, exists: () => false };
  const says = (text: string) => (error: unknown) =>
    error instanceof BackendError &&
    error.symbol === 'SPAWN_FAILED' &&
    error.message === `There is no Python ${text}.`;

  throws(
    () => resolveBackend({ dataDir: '/data', venv: '/venv' }, nothing),
    says('at /venv/bin/python'),
  );
  throws(
    () => resolveBackend({ dataDir: '/data' }, linux),
    says('anywhere: give resourcesPath or venv'),
  );
});
