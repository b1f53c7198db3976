import { deepEqual, equal } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { failureOf, makeRig, symbolOf, withStandIn } from '../testing/rig';

test('a start leads to ready and a stop by request to stopped', async () => {
  const { supervisor, statuses, exits } = makeRig();

  const server = await supervisor.start();
  const report = await supervisor.stop();

  deepEqual([server.name, server.contractMatches], ['stand-in', true]);
  deepEqual([report.how, report.exitCode], ['request', 0]);
  deepEqual(
    statuses.map(({ state }) => state),
    ['starting', 'ready', 'stopping', 'stopped'],
  );
  deepEqual(exits, [{ code: 0, expected: true }]);
});

test('starting twice at once starts one backend', async () => {
  const { supervisor } = makeRig();

  const [first, second] = await Promise.all([supervisor.start(), supervisor.start()]);

  equal(first.pid, second.pid);
  await supervisor.stop();
});

test('a call during the start waits for it', async () => {
  const { supervisor } = makeRig();
  const started = supervisor.start();

  deepEqual(await supervisor.call('echo', { a: 1 }), { a: 1 });

  await started;
  await supervisor.stop();
});

test('a call waits for the start no longer than its limit, nor when aborted', async () => {
  const { supervisor } = makeRig(['--mute']);
  const started = symbolOf(supervisor.start());
  const controller = new AbortController();

  const late = failureOf(supervisor.call('echo', {}, { timeoutMs: 10 }));
  const aborted = failureOf(supervisor.call('echo', {}, { signal: controller.signal }));
  controller.abort();

  deepEqual([(await late).symbol, (await late).outcome], ['CALL_TIMEOUT', 'none']);
  equal((await aborted).symbol, 'CALL_CANCELLED');
  await supervisor.stop();
  equal(await started, 'BACKEND_STOPPED');
});

test('a call without a backend is refused', async () => {
  const { supervisor } = makeRig();

  equal(await symbolOf(supervisor.call('echo', {})), 'BACKEND_STOPPED');
});

test('a crash settles every pending call with outcome unknown and starts anew', () =>
  withStandIn(async (call, { supervisor, reached, exits }) => {
    const ready = await reached('ready');
    const pending = [failureOf(call('never')), failureOf(call('never'))];

    const crash = failureOf(call('crash'));

    for (const failure of await Promise.all([...pending, crash])) {
      deepEqual([failure.symbol, failure.outcome], ['BACKEND_LOST', 'unknown']);
    }
    await reached('backoff');
    const again = await reached('ready');
    equal(pidOf(again) === pidOf(ready), false);
    deepEqual(exits, [{ code: null, expected: false }]);
    deepEqual(await supervisor.call('echo', { a: 1 }), { a: 1 });
  }));

function pidOf(status: {
  readonly state: string;
  readonly server?: { readonly pid: number };
}): number | undefined {
  return status.server?.pid;
}

test('a reply written right before the exit still counts', () =>
  withStandIn(async (call) => {
    deepEqual(await call('lastWords'), { said: true });
  }));

test('a second reply to the same call does not hold up the end', () =>
  withStandIn(async (call, { reached }) => {
    deepEqual(await call('twice'), {});

    await reached('backoff');
  }));

for (const code of [64, 69, 76, 77, 78, 79]) {
  test(`exit code ${code} is final`, async () => {
    const { supervisor, statuses } = makeRig([`--exit=${code}`]);

    const failure = await failureOf(supervisor.start());

    deepEqual(
      [failure.symbol, failure.details],
      ['BACKEND_FAILED', { exitCode: code, signal: null }],
    );
    deepEqual(
      statuses.map(({ state }) => state),
      ['starting', 'failed'],
    );
  });
}

test('a final exit in mid-service is not restarted', () =>
  withStandIn(async (call, { reached }) => {
    equal(await symbolOf(call('die', { code: 77 })), 'BACKEND_LOST');

    const failed = await reached('failed');

    equal(failed.state === 'failed' && failed.reason.message, 'The database key is wrong.');
  }));

test('the fifth crash in the window is the last, with the end of stderr', async () => {
  const { supervisor, statuses, exits } = makeRig(['--exit=70']);

  equal(await symbolOf(supervisor.start()), 'BACKEND_FAILED');

  equal(exits.length, 5);
  const failed = statuses[statuses.length - 1];
  deepEqual(failed?.state === 'failed' && failed.stderrTail, ['last line before the exit']);
});

test('a failed backend can be started again', async () => {
  const { supervisor, statuses } = makeRig(['--exit=64']);
  await failureOf(supervisor.start());

  equal(await symbolOf(supervisor.start()), 'BACKEND_FAILED');

  equal(statuses.filter(({ state }) => state === 'failed').length, 2);
});

test('who starts a failed backend again grants it all its tries', async () => {
  const { supervisor, exits } = makeRig(['--exit=70'], { restart: { maxCrashes: 1, baseMs: 1 } });

  await failureOf(supervisor.start());
  await failureOf(supervisor.start());

  equal(exits.length, 4);
});

test('a program that is not there fails without a restart', async () => {
  const { supervisor } = makeRig([], { backend: { command: '/nowhere/python', args: [] } });

  equal(await symbolOf(supervisor.start()), 'SPAWN_FAILED');
});

test('a path that spawn throws on fails like one that is not there', async () => {
  const command = join(process.execPath, 'python');
  const { supervisor, exits } = makeRig([], { backend: { command, args: [] } });

  equal(await symbolOf(supervisor.start()), 'SPAWN_FAILED');

  equal(supervisor.status.state, 'failed');
  deepEqual(exits, [{ code: null, expected: false }]);
});

test('an initialize without answer ends even where calls have no limit', async () => {
  const { supervisor } = makeRig(['--never-initialized'], {
    startTimeoutMs: 1_000,
    requestTimeoutMs: 0,
    limits: { cancelGraceMs: 1 },
    restart: { maxCrashes: 0 },
    shutdown: { requestMs: 5_000 },
  });

  equal(await symbolOf(supervisor.start()), 'CALL_TIMEOUT');
});

test('a backend that never says ready is given up', async () => {
  const { supervisor } = makeRig(['--mute'], { startTimeoutMs: 50, restart: { maxCrashes: 0 } });

  equal(await symbolOf(supervisor.start()), 'START_TIMEOUT');
});

test('another protocol version is refused', async () => {
  const { supervisor } = makeRig(['--other-protocol']);

  equal(await symbolOf(supervisor.start()), 'PROTOCOL_MISMATCH');
});

test('another contract is served, or refused when told to', async () => {
  const warned = makeRig(['--other-contract']);
  const refused = makeRig(['--other-contract'], { contract: 'refuse' });

  equal((await warned.supervisor.start()).contractMatches, false);
  equal(await symbolOf(refused.supervisor.start()), 'CONTRACT_MISMATCH');

  await warned.supervisor.stop();
});

test('a locked store without a key is refused, with a key it is opened', async () => {
  const keyless = makeRig(['--locked']);
  const keyed = makeRig(['--locked'], { databaseKey: async () => 'k'.repeat(43) });

  equal(await symbolOf(keyless.supervisor.start()), 'KEY_REQUIRED');
  equal((await keyed.supervisor.start()).locked, true);

  await keyed.supervisor.stop();
});

test('the key is in no argument and no variable of the backend', () => {
  const databaseKey = 'kEy_'.repeat(10);
  return withStandIn(
    async (call) => {
      const { text } = await call('environment');

      equal(String(text).includes(databaseKey), false);
      equal(String(text).includes('--locked'), true);
    },
    ['--locked'],
    { databaseKey },
  );
});

test('a refused initialize is final', async () => {
  const { supervisor } = makeRig(['--refuse-initialize']);

  equal(await symbolOf(supervisor.start()), 'INVALID_PARAMS');
});

test('a deaf backend is stopped by the end of its input', async () => {
  const { supervisor } = makeRig(['--deaf'], { shutdown: { requestMs: 50 } });
  await supervisor.start();

  equal((await supervisor.stop()).how, 'eof');
});

test('a stubborn backend is killed', async () => {
  const { supervisor } = makeRig(['--stubborn'], {
    shutdown: { requestMs: 20, eofMs: 20, termMs: 20, totalMs: 10_000 },
  });
  await supervisor.start();

  const report = await supervisor.stop();

  deepEqual([report.how, report.signal], ['sigkill', 'SIGKILL']);
});

test('a stop before ready ends the child and rejects the start', async () => {
  const { supervisor } = makeRig(['--mute']);
  const started = symbolOf(supervisor.start());

  equal((await supervisor.stop()).how, 'eof');

  equal(await started, 'BACKEND_STOPPED');
});

test('a stop during backoff starts nothing any more', async () => {
  const { supervisor, reached, exits } = makeRig(['--exit=70'], {
    restart: { baseMs: 60_000, maxMs: 60_000 },
  });
  const started = symbolOf(supervisor.start());
  await reached('backoff');

  equal(await symbolOf(supervisor.call('echo', {})), 'BACKEND_RESTARTING');
  equal((await supervisor.stop()).how, 'not-running');

  equal(await started, 'BACKEND_STOPPED');
  equal(exits.length, 1);
});

test('a stop of a failed or stopped backend returns at once', async () => {
  const { supervisor } = makeRig(['--exit=64']);
  await failureOf(supervisor.start());

  equal((await supervisor.stop()).how, 'not-running');
  equal((await supervisor.stop()).how, 'not-running');
});

test('a child killed during the stop does not hold it up', () =>
  withStandIn(
    async (_, { supervisor }) => {
      const { status } = supervisor;
      const stopped = supervisor.stop();
      process.kill(status.state === 'ready' ? status.server.pid : 0, 'SIGKILL');

      equal((await stopped).signal, 'SIGKILL');
    },
    ['--stubborn'],
  ));

test('a start during a stop starts anew', async () => {
  const { supervisor, exits } = makeRig();
  const { pid } = await supervisor.start();

  const [, again] = await Promise.all([supervisor.stop(), supervisor.start()]);

  equal(again.pid === pid, false);
  await supervisor.stop();
  equal(exits.length, 2);
});

test('a stop after a start that still waits is the last word', async () => {
  const { supervisor, statuses } = makeRig();
  await supervisor.start();

  const stopped = supervisor.stop();
  const started = symbolOf(supervisor.start());
  await Promise.all([stopped, supervisor.stop()]);

  equal(await started, 'BACKEND_STOPPED');
  equal(statuses.filter(({ state }) => state === 'starting').length, 1);
});

test('a stop at the moment that a waiting start goes on leaves no backend behind', async () => {
  const { supervisor, statuses, exits } = makeRig();
  await supervisor.start();

  const stopped = supervisor.stop();
  const started = supervisor.start().catch(() => undefined);
  await stopped.then(() => supervisor.stop());
  await started;

  equal(supervisor.status.state, 'stopped');
  equal(exits.length, statuses.filter(({ state }) => state === 'starting').length);
});
