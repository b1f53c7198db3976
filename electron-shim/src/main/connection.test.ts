import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { ProgressValue } from '../shared/protocol';
import { failureOf, makeOptions, symbolOf, withStandIn } from '../testing/rig';
import { Connection } from './connection';
import { resolveOptions } from './options';

test('a result comes back whole, with accents and U+2028', () =>
  withStandIn(async (call) => {
    const params = { text: 'é\u2028ü', list: [1, 2.5, null], nested: { yes: true } };

    deepEqual(await call('echo', params), params);
  }));

test('a reply that arrives byte by byte is read', () =>
  withStandIn(async (call) => {
    deepEqual(await call('drip', { text: 'Grüße' }), { text: 'Grüße' });
  }));

test('replies find their calls whatever their order', () =>
  withStandIn(async (call) => {
    const numbers = Array.from({ length: 200 }, (_, number) => ({ number }));

    deepEqual(await Promise.all(numbers.map((params) => call('echo', params))), numbers);
  }));

test('an error keeps code, symbol, details and outcome', () =>
  withStandIn(async (call) => {
    deepEqual((await failureOf(call('fail'))).toFailure(), {
      code: 1301,
      symbol: 'CONFLICT_INSTRUCTOR',
      type: 'business',
      message: 'The stand-in says no.',
      retryable: false,
      outcome: 'none',
      details: { rule: 'K1' },
      correlationId: 'cor_1',
    });
  }));

test('stray prints are counted and cost no call', () =>
  withStandIn(
    async (call, { noises }) => {
      deepEqual(await call('stray'), {});

      deepEqual(
        noises.map(({ reason }) => reason),
        ['not-json', 'not-json', 'not-json', 'not-a-message', 'not-json', 'not-a-message'],
      );
    },
    ['--noisy'],
  ));

test('two megabytes on stderr do not block the child', () =>
  withStandIn(async (call) => {
    deepEqual(await call('flood'), {});
  }));

test('a result that is no object is malformed', () =>
  withStandIn(async (call) => {
    equal(await symbolOf(call('list')), 'REPLY_MALFORMED');
  }));

test('a call that is over the size limit fails at once and the next one works', () =>
  withStandIn(
    async (call) => {
      equal(await symbolOf(call('echo', { text: 'x'.repeat(2_000) })), 'LINE_TOO_LONG');

      deepEqual(await call('echo', { text: 'x' }), { text: 'x' });
    },
    [],
    { limits: { maxRequestBytes: 1_000 } },
  ));

test('params that JSON cannot hold are refused, and nothing was sent', () =>
  withStandIn(async (call) => {
    const failure = await failureOf(call('echo', { number: BigInt(1) }));

    deepEqual([failure.symbol, failure.outcome], ['PARAMS_REFUSED', 'none']);
  }));

test('calls beyond the limit in flight are refused', () =>
  withStandIn(
    async (call) => {
      const first = symbolOf(call('hang'));

      equal(await symbolOf(call('echo')), 'CALLS_EXHAUSTED');
      equal(await first, 'CALL_TIMEOUT');
    },
    [],
    { limits: { maxInFlight: 1 }, requestTimeoutMs: 50 },
  ));

test('a timeout cancels the call, and the reply tells that nothing was done', () =>
  withStandIn(async (_, { supervisor }) => {
    const failure = await failureOf(supervisor.call('hang', {}, { timeoutMs: 10 }));

    deepEqual([failure.symbol, failure.outcome], ['CALL_TIMEOUT', 'none']);
  }));

test('a timeout without any reply leaves the outcome unknown', () =>
  withStandIn(
    async (_, { supervisor }) => {
      const failure = await failureOf(supervisor.call('never', {}, { timeoutMs: 10 }));

      deepEqual([failure.symbol, failure.outcome], ['CALL_TIMEOUT', 'unknown']);
    },
    [],
    { limits: { cancelGraceMs: 20 } },
  ));

test('an aborted call is cancelled at the backend', () =>
  withStandIn(async (_, { supervisor }) => {
    const controller = new AbortController();
    const call = failureOf(supervisor.call('hang', {}, { signal: controller.signal }));

    controller.abort();

    deepEqual((await call).symbol, 'CALL_CANCELLED');
  }));

test('a call with a signal that is aborted already is not sent', () =>
  withStandIn(async (_, { supervisor }) => {
    const failure = await failureOf(
      supervisor.call('die', { code: 70 }, { signal: AbortSignal.abort() }),
    );

    deepEqual([failure.symbol, failure.outcome], ['CALL_CANCELLED', 'none']);
    equal(supervisor.status.state, 'ready');
  }));

test('progress reaches the caller by its token', () =>
  withStandIn(async (_, { supervisor }) => {
    const heard: ProgressValue[] = [];

    const result = await supervisor.call(
      'progress',
      {},
      { onProgress: (value) => heard.push(value) },
    );

    deepEqual(heard, [
      { kind: 'report', done: 1, total: 2 },
      { kind: 'report', done: 2, total: 2 },
    ]);
    match(String(result['token']), /^shim-[0-9a-f]{32}$/);
  }));

test('a call that makes progress for ever ends all the same', () =>
  withStandIn(
    async (_, { supervisor }) => {
      const call = supervisor.call('busy', {}, { onProgress: () => undefined, timeoutMs: 200 });

      equal(await symbolOf(call), 'CALL_TIMEOUT');
    },
    [],
    { limits: { maxMs: 300, cancelGraceMs: 1 } },
  ));

test('the progress of a job reaches the caller behind the reply, until its end', () =>
  withStandIn(async (call, { supervisor }) => {
    const heard: string[] = [];

    const result = await supervisor.call(
      'job',
      {},
      { onProgress: ({ kind }) => heard.push(kind), timeoutMs: 1_000 },
    );
    deepEqual([result, heard], [{ jobId: 'job_1' }, []]);
    await call('work');

    deepEqual(heard, ['begin', 'report', 'end']);
  }));

test('the progress of a job ends when its backend does', async () => {
  const heard: ProgressValue[] = [];
  const warned = once(process, 'warning');

  await withStandIn(async (_, { supervisor }) => {
    const onProgress = (): void => {
      throw new Error('a listener that fails holds up no end');
    };
    await supervisor.call('job', {}, { onProgress });
    await supervisor.call('job', {}, { onProgress: (value) => heard.push(value) });
  });

  deepEqual(heard, [{ kind: 'end', message: 'The backend ended before the job did.' }]);
  await warned;
});

test('of more jobs than can be listened for, the oldest go unheard', () =>
  withStandIn(async (call, { supervisor }) => {
    const ended: number[] = [];

    for (let number = 0; number < 66; number += 1) {
      const onProgress = ({ kind }: ProgressValue) => kind === 'end' && ended.push(number);
      await supervisor.call('job', {}, { onProgress });
    }
    await call('work');

    deepEqual(
      ended,
      Array.from({ length: 64 }, (_, number) => number + 2),
    );
  }));

test('meta travels beside the params', () =>
  withStandIn(async (_, { supervisor }) => {
    const meta = { idempotencyKey: 'k1' };

    deepEqual(await supervisor.call('echo', { a: 1 }, { meta }), { a: 1, _meta: meta });
  }));

test('the child sees no variable of Electron or Python but our own', () =>
  withStandIn(async (call) => {
    const { names } = await call('environment');

    ok(Array.isArray(names) && names.includes('PYTHONUTF8'));
    deepEqual(
      names.filter((name) => /^(ELECTRON|LD_|NODE_|npm_)/.test(String(name))),
      [],
    );
  }));

test('a call between the end of the child and the news of it is lost unsent', async () => {
  const ignore = (): void => undefined;
  const { limits } = resolveOptions(makeOptions([]));
  const connection = new Connection(new PassThrough(), new PassThrough(), limits, {
    noise: ignore,
    notification: ignore,
    trouble: ignore,
  });
  await connection.close();

  const failure = await failureOf(connection.call('echo', {}));

  deepEqual([failure.symbol, failure.outcome], ['BACKEND_LOST', 'none']);
});
