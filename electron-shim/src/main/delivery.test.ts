/** What becomes of a call whose backend ends under it. */

import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JsonObject } from '../shared/json';
import { failureOf, makeRig, type Rig, symbolOf } from '../testing/rig';
import type { BackendOptions } from './options';

/** Start a stand-in that dies of the first *deaths* deliveries, and call it. */
async function start(
  t: TestContext,
  deaths: number,
  more: Partial<BackendOptions> = {},
): Promise<Rig & { params: JsonObject; deliveries: () => readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'shim-'));
  const log = join(folder, 'deliveries');
  const rig = makeRig([], more);
  t.after(async () => {
    await rig.supervisor.stop();
    rmSync(folder, { recursive: true });
  });
  await rig.supervisor.start();
  return {
    ...rig,
    params: { log, deaths },
    deliveries: () => readFileSync(log, 'utf8').trim().split('\n'),
  };
}

test('a command is sent again, once, under the key that the shim drew', async (t) => {
  const { supervisor, params } = await start(t, 1);

  const { keys } = (await supervisor.call('lessons.book', params)) as { keys: readonly string[] };

  equal(keys.length, 2);
  equal(keys[0], keys[1]);
  match(keys[0] ?? '', /^shim-[0-9a-f]{32}$/);
});

test('every command gets a key of its own, and one that was given is kept', async (t) => {
  const { supervisor, params, deliveries } = await start(t, 0);

  await supervisor.call('lessons.book', params);
  await supervisor.call('lessons.book', params);
  await supervisor.call('lessons.book', params, { meta: { idempotencyKey: 'mine' } });
  await supervisor.call('lessons.book', { ...params, _meta: { idempotencyKey: 'hers' } });

  equal(new Set(deliveries()).size, 4);
  deepEqual(deliveries().slice(2), ['mine', 'hers']);
});

test('a query is sent again without a key', async (t) => {
  const { supervisor, params } = await start(t, 1);

  deepEqual(await supervisor.call('students.get', params), { keys: ['undefined', 'undefined'] });
});

test('what would happen twice is not sent again', async (t) => {
  const { supervisor, params, deliveries } = await start(t, 1);

  const failure = await failureOf(supervisor.call('auth.changePassword', params));

  deepEqual([failure.symbol, failure.outcome], ['BACKEND_LOST', 'unknown']);
  equal(deliveries().length, 1);
});

test('a shutdown that ended its backend does not end the next one', async (t) => {
  const { supervisor, reached } = await start(t, 0);
  await supervisor.call('deafen', {});

  const lost = symbolOf(supervisor.call('shutdown', {}));
  await symbolOf(supervisor.call('crash', {}));

  equal(await lost, 'BACKEND_LOST');
  await reached('backoff');
  await reached('ready');
  deepEqual(await supervisor.call('echo', { a: 1 }), { a: 1 });
});

test('a call that ends every backend ends two, and its failure names the key', async (t) => {
  const { supervisor, params, deliveries } = await start(t, 9);

  const failure = await failureOf(supervisor.call('lessons.book', params));

  deepEqual([failure.symbol, failure.outcome], ['BACKEND_LOST', 'unknown']);
  equal(deliveries().length, 2);
  deepEqual(failure.details, { idempotencyKey: deliveries()[0] });
});

for (const [what, channel, refusal, outcome] of [
  ['at the door', 'lessons.book', { code: 1001, symbol: 'UNAUTHENTICATED' }, 'unknown'],
  ['by a rule', 'lessons.book', { code: 1301, symbol: 'CONFLICT_INSTRUCTOR' }, 'none'],
  ['by a store', 'lessons.book', { code: 1108, symbol: 'READ_ONLY_MODE' }, 'unknown'],
  ['without a key', 'jobs.cancel', { code: 1102, symbol: 'NOT_FOUND' }, 'unknown'],
  ['as a question', 'students.get', { code: 1001, symbol: 'UNAUTHENTICATED' }, 'none'],
] as const) {
  test(`a second delivery refused ${what} leaves the outcome ${outcome}`, async (t) => {
    const { supervisor, params } = await start(t, 1);

    const failure = await failureOf(supervisor.call(channel, { ...params, refusal }));

    deepEqual([failure.symbol, failure.outcome], [refusal.symbol, outcome]);
  });
}

test('a refusal of the only delivery says that nothing happened', async (t) => {
  const { supervisor, params } = await start(t, 0);
  const refusal = { code: 1001, symbol: 'UNAUTHENTICATED' };

  const failure = await failureOf(supervisor.call('lessons.book', { ...params, refusal }));

  deepEqual([failure.outcome, failure.details], ['none', { rule: 'K1' }]);
});

test('whoever signs in does so before calls go on, at every start', async (t) => {
  const order: string[] = [];
  const { supervisor, params } = await start(t, 1, {
    signIn: async (send) => {
      await send('ping', {}).catch(() => undefined);
      order.push('signed in');
    },
    requestTimeoutMs: 200,
    limits: { cancelGraceMs: 1 },
  });

  await supervisor
    .call('lessons.book', params, { timeoutMs: 10_000 })
    .then(() => order.push('booked'));

  deepEqual(order, ['signed in', 'signed in', 'booked']);
});

test('whoever cannot sign in is warned of it, and served', async (t) => {
  const { supervisor, warnings } = await start(t, 0, {
    signIn: async () => {
      throw new Error('the refresh token is gone');
    },
  });

  deepEqual(warnings, ['HANDLER_FAILED']);
  equal(supervisor.status.state, 'ready');
});

test('whoever signs in too late signs nobody in over somebody else', async (t) => {
  let signInLate: () => Promise<unknown> = async () => undefined;
  await start(t, 0, {
    requestTimeoutMs: 20,
    limits: { cancelGraceMs: 1 },
    signIn: (send) => {
      signInLate = () => send('auth.login', { login: 'ada', password: 'correct horse' });
      return new Promise(() => undefined);
    },
  });

  equal(await symbolOf(signInLate()), 'CALL_CANCELLED');
});

test('during a restart harmless calls wait, others are refused', async (t) => {
  const { supervisor, params, reached } = await start(t, 0, { restart: { baseMs: 50 } });
  await symbolOf(supervisor.call('crash', {}));
  await reached('backoff');

  const waiting = supervisor.call('lessons.book', params);

  equal(await symbolOf(supervisor.call('auth.changePassword', params)), 'BACKEND_RESTARTING');
  equal(((await waiting)['keys'] as readonly string[]).length, 1);
});

test('a stop ends the wait for a second delivery, with outcome unknown', async (t) => {
  const restart = { baseMs: 60_000, maxMs: 60_000 };
  const { supervisor, params, reached } = await start(t, 1, { restart });
  const call = failureOf(supervisor.call('lessons.book', params));
  await reached('backoff');

  await supervisor.stop();

  deepEqual([(await call).symbol, (await call).outcome], ['BACKEND_LOST', 'unknown']);
});

test('the limit of a call holds for both deliveries and the wait between', async (t) => {
  const restart = { baseMs: 60_000, maxMs: 60_000 };
  const { supervisor, params } = await start(t, 1, { restart });

  const failure = await failureOf(supervisor.call('lessons.book', params, { timeoutMs: 500 }));

  deepEqual([failure.symbol, failure.outcome], ['CALL_TIMEOUT', 'unknown']);
});

test('a call is not sent again to a backend that was started anew on purpose', async (t) => {
  const { supervisor, params, deliveries } = await start(t, 0);
  const call = symbolOf(supervisor.call('lessons.book', { ...params, hangs: true }));
  await supervisor.call('echo', {});

  await supervisor.stop();
  await supervisor.start();

  equal(await call, 'BACKEND_LOST');
  equal(deliveries().length, 1);
});

for (const [what, symbol, options] of [
  ['its limit', 'CALL_TIMEOUT', () => ({ timeoutMs: 200 })],
  ['its signal', 'CALL_CANCELLED', () => ({ signal: AbortSignal.timeout(200) })],
] as const) {
  test(`a backend that hears nobody and does not end holds no call beyond ${what}`, async (t) => {
    const { supervisor, params } = await start(t, 0, {
      shutdown: { requestMs: 20, eofMs: 20, termMs: 5_000, totalMs: 10_000 },
    });
    await supervisor.call('hangUp', {});

    const failure = await failureOf(supervisor.call('lessons.book', params, options()));

    deepEqual([failure.symbol, failure.outcome], [symbol, 'unknown']);
  });
}
