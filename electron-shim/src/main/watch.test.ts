/** What the supervisor does about a backend that is silent, and about what it leaves behind. */

import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { type BridgeStatus, serverOf } from '../shared/status';
import { makeRig, type Rig, symbolOf, withStandIn } from '../testing/rig';
import { PendingCall } from './call';

const pidOf = (status: BridgeStatus | undefined): number | undefined =>
  status && serverOf(status)?.pid;

const quickHeartbeat = { intervalMs: 1, timeoutMs: 5, misses: 2 } as const;

test('a backend that answers no ping is degraded, still called, and ready once it answers', () =>
  withStandIn(
    async (call, { supervisor, reached, statuses }) => {
      await call('numb');

      const degraded = await reached('degraded');
      deepEqual(
        [pidOf(degraded), await call('echo', { a: 1 })],
        [pidOf(statuses[1] ?? degraded), { a: 1 }],
      );
      equal((await supervisor.start()).pid, pidOf(degraded));
      await call('wake');
      await reached('ready');

      equal(pidOf(supervisor.status), pidOf(degraded));
    },
    [],
    { heartbeat: quickHeartbeat, limits: { cancelGraceMs: 1 } },
  ));

test('a backend that answers no ping is started anew where that is wanted', () =>
  withStandIn(
    async (call, { reached, exits }) => {
      await call('numb');
      await reached('degraded');

      await reached('backoff');
      await reached('ready');

      deepEqual(exits, [{ code: null, expected: false }]);
    },
    [],
    { heartbeat: { ...quickHeartbeat, onDead: 'restart' }, limits: { cancelGraceMs: 1 } },
  ));

test('a machine that wakes asks its backend at once', () =>
  withStandIn(
    async (call, { supervisor, reached }) => {
      await call('numb');
      supervisor.suspend();

      supervisor.resume();

      await reached('degraded');
    },
    [],
    {
      heartbeat: { intervalMs: 60_000, timeoutMs: 5, misses: 1 },
      limits: { cancelGraceMs: 1 },
    },
  ));

for (const [what, end] of [
  ['a killed backend', (rig: Rig) => symbolOf(rig.supervisor.call('crash', {}))],
  ['a backend that is stopped at once', (rig: Rig) => rig.supervisor.stop({ immediate: true })],
] as const) {
  test(`what ${what} had started ends with it`, () =>
    withStandIn(async (call, rig) => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const connected = once(server, 'connection');
      await call('beget', { port: typeof address === 'object' ? address?.port : 0 });
      const [grandchild] = (await connected) as [Socket];
      grandchild.on('error', () => undefined);
      const gone = once(grandchild.resume(), 'close');

      await end(rig);

      await gone;
      server.close();
    }));
}

test('a stop that may not take its time kills at once, also one under way', async () => {
  const slow = { requestMs: 60_000, eofMs: 60_000, termMs: 60_000, totalMs: 200_000 };
  const first = makeRig(['--stubborn'], { shutdown: slow });
  const second = makeRig(['--stubborn'], { shutdown: slow });
  await Promise.all([first.supervisor.start(), second.supervisor.start()]);

  const report = await first.supervisor.stop({ immediate: true });
  const underWay = second.supervisor.stop();
  void second.supervisor.stop({ immediate: true });

  deepEqual([report.how, report.signal], ['sigkill', 'SIGKILL']);
  equal((await underWay).signal, 'SIGKILL');
});

test('a ping that was never sent is no answer', () =>
  withStandIn(
    async (_, { supervisor, reached }) => {
      const hanging = symbolOf(supervisor.call('hang', {}));

      await reached('degraded');

      await supervisor.stop();
      equal(await hanging, 'BACKEND_LOST');
    },
    [],
    { heartbeat: quickHeartbeat, limits: { maxInFlight: 1 }, shutdown: { requestMs: 1 } },
  ));

test('a machine that was asleep costs a call none of its time', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'] });
  const limits = { timeoutMs: 60_000, maxMs: 60_000, cancelGraceMs: 1 };
  const pending = new PendingCall(limits, undefined);
  let answer: (value: unknown) => void = () => undefined;
  const result = pending.run(
    (source) =>
      new Promise((resolve, reject) => {
        answer = resolve;
        source.token.onCancellationRequested(() => reject(new Error('given up')));
      }),
  );

  t.mock.timers.setTime(3_600_000);
  pending.progressed();
  t.mock.timers.tick(1);
  answer({});

  deepEqual(await result, {});
});
