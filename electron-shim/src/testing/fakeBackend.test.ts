/** A fake behaves as the backend does, so that what passes a test runs in earnest. */

import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../renderer';
import { shimError } from '../shared/shimErrors';
import { FakeBackend } from './fakeBackend';
import { failureOf, symbolOf } from './rig';

const studentId = 'stu_01890a5d-ac96-774b-bcce-b302099a8057';
const page = { items: [], nextCursor: null } as const;

test('a window of a test gets the answers that the test gives', async () => {
  const backend = new FakeBackend().handle('branches.list', () => ({ items: [] }));
  const client = createClient(backend.port());
  await backend.startServer();

  deepEqual(await client.send('branches.list', {}), { items: [] });
  deepEqual(
    backend.calls.map(({ channel, params }) => [channel, params]),
    [['branches.list', {}]],
  );
});

test('params that do not fit the contract fail in a test as they do in earnest', async () => {
  const backend = new FakeBackend().handle('students.list', () => page as never);
  await backend.startServer();

  equal(await symbolOf(backend.send('students.list', { limit: 'x' } as never)), 'INVALID_PARAMS');
});

test('a refusal reaches the window with symbol and details', async () => {
  const backend = new FakeBackend().refuse('students.get', {
    symbol: 'NOT_FOUND',
    code: 1102,
    details: { entity: 'student' },
  });
  const client = createClient(backend.port());
  await backend.startServer();

  const failure = await failureOf(client.send('students.get', { studentId }));

  deepEqual(
    [failure.symbol, failure.code, failure.details],
    ['NOT_FOUND', 1102, { entity: 'student' }],
  );
});

test('a channel without an answer says what the test forgot', async () => {
  const backend = new FakeBackend();
  await backend.startServer();

  const failure = await failureOf(backend.send('students.get', { studentId }));

  equal(failure.message, 'The test has not said what students.get answers: use handle().');
  equal(
    (await failureOf(backend.send('no.such' as 'ping', {}))).message,
    'There is no channel no.such.',
  );
});

test('events are numbered and reach the windows that listen', async () => {
  const backend = new FakeBackend();
  const client = createClient(backend.port());
  const heard: unknown[] = [];
  const unsubscribe = client.receive('lessons.booked', ({ seq, data }) => heard.push([seq, data]));

  backend.tell('lessons.cancelled');
  backend.tell('lessons.booked', { data: { lessonId: 'les_1' } });
  unsubscribe();
  backend.tell('lessons.booked');

  deepEqual(heard, [[2, { lessonId: 'les_1' }]]);
});

test('any state can be shown, and calls fail in it as they would', async () => {
  const backend = new FakeBackend();
  const client = createClient(backend.port());
  const states: string[] = [];
  client.onStatus(({ state }) => states.push(state));
  const reason = shimError('BACKEND_LOST').toFailure();

  await backend.startServer();
  backend.become({ state: 'backoff', attempt: 1, delayMs: 250, reason });
  equal(await symbolOf(client.send('ping', {})), 'BACKEND_RESTARTING');
  backend.become({ state: 'failed', reason, stderrTail: ['boom'] });
  equal(await symbolOf(client.send('ping', {})), 'BACKEND_STOPPED');
  await backend.stopServer();

  deepEqual(states, ['starting', 'ready', 'backoff', 'failed', 'stopping', 'stopped']);
});

test('progress, limits and giving up reach the answer of the test', async () => {
  const backend = new FakeBackend().handle('ping', async (_params, { signal, onProgress }) => {
    const givenUp = new Promise<void>((resolve) => signal?.addEventListener('abort', resolve));
    onProgress?.({ kind: 'report', done: 1, total: 2 });
    await givenUp;
    throw shimError('CALL_CANCELLED');
  });
  const client = createClient(backend.port());
  await backend.startServer();
  const controller = new AbortController();
  const heard: unknown[] = [];

  const call = symbolOf(
    client.send(
      'ping',
      {},
      {
        signal: controller.signal,
        onProgress: (value) => {
          heard.push(value.done);
          controller.abort();
        },
      },
    ),
  );

  deepEqual([await call, heard], ['CALL_CANCELLED', [1]]);
});

test('a call during the start waits for it, no longer than it may', async () => {
  const backend = new FakeBackend().handle('branches.list', () => ({ items: [] }));
  backend.become({ state: 'starting', attempt: 1 });
  const late = symbolOf(backend.send('branches.list', {}, { timeoutMs: 1 }));
  const waiting = backend.send('branches.list', {});

  equal(await late, 'CALL_TIMEOUT');
  await backend.startServer();

  deepEqual(await waiting, { items: [] });
});
