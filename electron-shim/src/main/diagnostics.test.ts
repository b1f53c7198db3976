/** What is told of calls and lives, and what never is. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeOptions, symbolOf } from '../testing/rig';
import { type Backend, createBackend } from './backend';
import type { BackendOptions } from './options';
import { redactor } from './redact';

async function start(
  t: TestContext,
  flags: readonly string[] = [],
  more: Partial<BackendOptions> = {},
): Promise<Backend> {
  const backend = createBackend(makeOptions(flags, { events: 'none', ...more }));
  t.after(() => backend.stopServer());
  await backend.startServer();
  return backend;
}

/** Call what the stand-in alone knows. */
function call(backend: Backend, channel: string, params: object = {}): Promise<unknown> {
  return backend.send(channel as 'ping', params as Record<string, never>);
}

test('every call is told with its outcome, a slow one while it is under way', async (t) => {
  const backend = await start(t, [], { slowCallMs: 5 });
  const heard: string[] = [];
  backend.on('rpc', ({ channel, outcome }) => heard.push(`${channel} ${outcome}`));
  const slow = new Promise<string>((resolve) => {
    backend.on('slow', ({ channel, elapsedMs }) => resolve(`${channel} ${elapsedMs}`));
  });
  const hanging = backend.send('hang' as 'ping', {}, { timeoutMs: 50 });

  equal(await slow, 'hang 5');
  await symbolOf(hanging);
  await call(backend, 'echo');
  await symbolOf(call(backend, 'fail'));
  await symbolOf(call(backend, 'students.get', { studentId: 7 }));

  deepEqual(heard, [
    'hang CALL_TIMEOUT',
    'echo ok',
    'fail CONFLICT_INSTRUCTOR',
    'students.get INVALID_PARAMS',
  ]);
});

test('a report tells states, exits, noise, calls and the last words', async (t) => {
  const backend = await start(t, ['--noisy'], { restart: { baseMs: 1 } });
  const isBack = new Promise<void>((resolve) => {
    backend.on('ready', () => resolve());
  });
  await call(backend, 'echo', { secret: 'Ada' });
  await symbolOf(call(backend, 'crash'));
  await isBack;

  const report = backend.diagnostics();

  deepEqual(
    report.states.map(({ state }) => state),
    ['starting', 'ready', 'backoff', 'starting', 'ready'],
  );
  deepEqual(
    report.exits.map(({ signal, expected }) => [signal, expected]),
    [['SIGKILL', false]],
  );
  deepEqual(report.noise, { lines: 2, byReason: { 'not-json': 2 } });
  deepEqual(report.calls.outcomes, { ok: 1, BACKEND_LOST: 1 });
  deepEqual(
    report.calls.recent.map(({ channel }) => channel),
    ['echo', 'crash'],
  );
  equal(report.server?.name, 'stand-in');
  ok(report.calls.p99Ms >= report.calls.p50Ms);
});

test('a report carries no key, no params, no text of strays, and no name of the home', async (t) => {
  const databaseKey = `${'kEy_'.repeat(10)}abc`;
  const backend = await start(t, ['--locked', '--noisy'], {
    databaseKey,
    client: { name: `${homedir()}/desk`, version: '0' },
  });
  await call(backend, 'echo', { name: 'Ada Byron' });
  const lines = new Promise<void>((resolve) => {
    backend.on('stderr', (line) => line.includes('end') && resolve());
  });
  for (const line of [`key ${databaseKey}`, `in ${homedir()}/data`, 'ada@fs.example', 'end']) {
    await call(backend, 'say', { line });
  }
  await lines;

  const report = backend.diagnostics();

  const text = JSON.stringify(report);
  for (const secret of [databaseKey, 'Ada Byron', 'Welcome!', homedir(), 'ada@fs.example']) {
    equal(text.includes(secret), false, secret);
  }
  deepEqual(report.stderrTail, ['key [secret]', 'in ~/data', '[mail]', 'end']);
  equal(report.client.name, '~/desk');
});

test('a report of a backend that does not run says why', async (t) => {
  const backend = createBackend(
    makeOptions([], { backend: { command: join(homedir(), 'nowhere'), args: [] } }),
  );
  t.after(() => backend.stopServer());

  await symbolOf(backend.startServer());

  deepEqual(backend.diagnostics().reason, {
    symbol: 'SPAWN_FAILED',
    message: 'There is no program at ~/nowhere.',
  });
});

test('paths of Windows are shortened with both slashes, tokens go, long paths stay', () => {
  const redact = redactor('C:\\Users\\ada');
  const path = '/opt/driving-school/resources/backend/linux-x64/python/lib/python3.11/json';

  equal(redact('C:\\Users\\ada\\x C:/Users/ada/x'), '~\\x ~/x');
  equal(redact(`Bearer ${'aZ09-_'.repeat(9)}.${'b'.repeat(50)}.sig`), 'Bearer [secret]');
  equal(redact(path), path);
});

test('the log file has the states, the exits and what the backend wrote', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'shim-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'backend.log');
  const backend = createBackend(makeOptions(['--exit=78'], { logFile: { path } }));

  await symbolOf(backend.startServer());
  await backend.stopServer();

  const lines = readFileSync(path, 'utf8').trim().split('\n');
  deepEqual(
    lines.map((line) => line.slice(25)),
    ['state starting', 'last line before the exit', 'state failed', 'exit 78', 'state stopped'],
  );
});
