import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendEvent } from '../shared/protocol';
import { makeOptions, symbolOf } from '../testing/rig';
import { type Backend, type BackendSignals, createBackend } from './backend';

function next<K extends keyof BackendSignals>(
  backend: Backend,
  name: K,
): Promise<BackendSignals[K]> {
  return new Promise((resolve) => {
    const unsubscribe = backend.on(name, (payload) => {
      unsubscribe();
      resolve(payload);
    });
  });
}

test('events reach their type and all, and one heard before is not told again', async () => {
  const backend = createBackend(makeOptions([]));
  const heard: string[] = [];
  backend.receive('event', (event: BackendEvent) => heard.push(`all ${event.seq}`));
  backend.receive('lessons.booked', (event) => heard.push(`booked ${event.seq}`));
  const unsubscribe = backend.receive('lessons.booked', () => heard.push('never'));
  unsubscribe();

  const event = next(backend, 'event');
  await backend.startServer();
  await event;
  await backend.stopServer();

  // The stand-in sends the head (7) again and then 8.
  deepEqual(heard, ['all 8', 'booked 8']);
});

test('after a restart the event stream goes on where it broke off', async () => {
  const backend = createBackend(makeOptions([]));
  const first = next(backend, 'event');
  const server = await backend.startServer();
  const { seq } = await first;

  const second = next(backend, 'event');
  const restarting = next(backend, 'restarting');
  process.kill(server.pid, 'SIGKILL');

  equal((await restarting).attempt, 1);
  equal((await second).seq, seq + 1);
  await backend.stopServer();
});

test('who is not signed in hears no events and no warning, and after the login he hears them', async () => {
  const backend = createBackend(makeOptions(['--signed-out']));
  const warnings: string[] = [];
  backend.on('warning', (warning) => warnings.push(warning.symbol));
  await backend.startServer();

  const event = next(backend, 'event');
  await backend.send('auth.login', { login: 'ada', password: 'correct horse battery' });

  equal((await event).seq, 8);
  deepEqual(warnings, []);
  await backend.stopServer();
});

test('a backend that is too busy for a subscription is asked again', async () => {
  const backend = createBackend(makeOptions(['--busy']));
  const warned = next(backend, 'warning');
  const event = next(backend, 'event');

  await backend.startServer();

  equal((await warned).symbol, 'OVERLOADED');
  equal((await event).seq, 8);
  await backend.stopServer();
});

test('a backend that was degraded and is ready again is no new one', async () => {
  const heartbeat = { intervalMs: 1, timeoutMs: 5, misses: 1 };
  const backend = createBackend(
    makeOptions(['--numb'], { heartbeat, limits: { cancelGraceMs: 1 } }),
  );
  const readies: number[] = [];
  const heard: number[] = [];
  backend.on('ready', ({ pid }) => readies.push(pid));
  backend.on('event', ({ seq }) => heard.push(seq));
  const states: string[] = [];
  const isReadyAgain = new Promise<void>((resolve) => {
    backend.on('status', ({ state }) => {
      states.push(state);
      if (state === 'degraded') {
        void backend.send('wake' as 'ping', {});
      } else if (states.join(' ').endsWith('degraded ready')) {
        resolve();
      }
    });
  });

  await backend.startServer();
  await isReadyAgain;
  await backend.stopServer();

  deepEqual([readies.length, heard], [1, [8]]);
});

test('another contract is a warning', async () => {
  const backend = createBackend(makeOptions(['--other-contract'], { events: 'none' }));
  const warning = next(backend, 'warning');

  await backend.startServer();

  equal((await warning).symbol, 'CONTRACT_MISMATCH');
  await backend.stopServer();
});

test('a backend with another contract looks at the params itself', async () => {
  const ours = createBackend(makeOptions([], { events: 'none' }));
  const other = createBackend(makeOptions(['--other-contract'], { events: 'none' }));
  const misfit = { isNew: true } as unknown as Record<string, never>;
  await Promise.all([ours.startServer(), other.startServer()]);

  equal(await symbolOf(ours.send('ping', misfit)), 'INVALID_PARAMS');
  deepEqual(await other.send('ping', misfit), {});

  await Promise.all([ours.stopServer(), other.stopServer()]);
});

test('exit, stderr and failed tell how it ended', async () => {
  const backend = createBackend(makeOptions(['--exit=78']));
  const signals = Promise.all([
    next(backend, 'stderr'),
    next(backend, 'exit'),
    next(backend, 'failed'),
  ]);

  await backend.startServer().catch(() => undefined);
  const [line, exit, failed] = await signals;

  equal(line, 'last line before the exit');
  deepEqual([exit.code, exit.expected], [78, false]);
  deepEqual([failed.reason.symbol, failed.stderrTail], ['BACKEND_FAILED', [line]]);
});

for (const [state, flags] of [
  ['starting', ['--exit=70']],
  ['ready', []],
  ['backoff', ['--exit=70']],
  ['failed', ['--exit=64']],
] as const) {
  test(`a listener may stop at ${state}, and nothing starts after that`, async () => {
    const timers = activeTimers();
    const restart = { baseMs: 60_000, maxMs: 60_000 };
    const backend = createBackend(makeOptions(flags, { events: 'none', restart }));
    const states: string[] = [];
    let exits = 0;
    backend.on('exit', () => {
      exits += 1;
    });
    const stopped = new Promise((resolve) => {
      backend.on('status', (status) => {
        states.push(status.state);
        if (status.state === state) {
          resolve(backend.stopServer());
        }
      });
    });

    await backend.startServer().catch(() => undefined);
    await stopped;

    equal(backend.status().state, 'stopped');
    deepEqual([states.filter((one) => one === 'starting').length, exits], [1, 1]);
    equal(activeTimers(), timers);
  });
}

test('a listener may stop and start again at stopping', async () => {
  const backend = createBackend(makeOptions([], { events: 'none' }));
  const first = await backend.startServer();
  const again = new Promise<number>((resolve) => {
    const unsubscribe = backend.on('status', ({ state }) => {
      if (state === 'stopping') {
        unsubscribe();
        void backend.stopServer();
        resolve(backend.startServer().then(({ pid }) => pid));
      }
    });
  });

  await backend.stopServer();

  equal((await again) === first.pid, false);
  await backend.stopServer();
});

/** Count the timers that keep the process alive. */
function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

test('a start has the time that a migration of a large store takes', async (t) => {
  const { startTimeoutMs: _, ...options } = makeOptions(['--mute', '--migrating']);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const backend = createBackend(options);
  t.after(() => backend.stopServer());
  const started = backend.startServer();
  const pid = Number(await next(backend, 'stderr'));

  t.mock.timers.tick(599_999);
  process.kill(pid, 'SIGUSR2');

  equal((await started).pid, pid);
});
