import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { FakeApp } from '../testing/fakeApp';
import { followPower, QuitHooks, stopAtOnce, stopBeforeQuit } from './lifecycle';

test('the app leaves after the stop, which runs once however often one quits', async () => {
  const app = new FakeApp();
  let finish: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let stops = 0;
  stopBeforeQuit(app, () => {
    stops += 1;
    return stopped;
  });

  app.quit();
  app.quit();
  finish();
  await stopped;
  await new Promise((resolve) => setImmediate(resolve));

  deepEqual(app.log, ['put off', 'put off', 'left']);
  equal(stops, 1);
});

test('a stop that fails lets the app leave too', async () => {
  const app = new FakeApp();
  stopBeforeQuit(app, () => Promise.reject(new Error('no')));

  app.quit();
  await new Promise((resolve) => setImmediate(resolve));

  deepEqual(app.log, ['put off', 'left']);
});

test('a quit that a window calls off leaves the next one guarded', async () => {
  const app = new FakeApp();
  let stops = 0;
  stopBeforeQuit(app, async () => {
    stops += 1;
  });

  app.quit();
  await new Promise((resolve) => setImmediate(resolve));
  // The second attempt was let through, but the app is still there.
  app.quit();
  await new Promise((resolve) => setImmediate(resolve));

  deepEqual(app.log, ['put off', 'left', 'put off', 'left']);
  equal(stops, 2);
});

test('a removed hook puts nothing off', () => {
  const app = new FakeApp();

  stopBeforeQuit(app, () => Promise.resolve())();
  app.quit();

  deepEqual(app.log, ['left']);
});

test('the backend sleeps and wakes with the machine, and the app quits before it goes down', () => {
  const app = new FakeApp();
  const power = new EventEmitter();
  const heard: string[] = [];
  const sleeper = { suspend: () => heard.push('sleep'), resume: () => heard.push('wake') };
  const unhook = followPower(power, app, sleeper);
  let isPutOff = false;

  power.emit('suspend');
  power.emit('resume');
  power.emit('shutdown', {
    preventDefault: () => {
      isPutOff = true;
    },
  });
  unhook();
  power.emit('suspend');
  power.emit('shutdown');

  deepEqual([heard, isPutOff, app.log], [['sleep', 'wake'], true, ['left']]);
});

test('whoever will not wait is not waited for', () => {
  const updater = new EventEmitter();
  let stops = 0;
  const unhook = stopAtOnce(updater, 'before-quit-for-update', () => {
    stops += 1;
  });

  updater.emit('before-quit-for-update');
  unhook();
  updater.emit('before-quit-for-update');

  equal(stops, 1);
});

test('a window ends its session once, and all hooks can be taken back', async () => {
  const [updater, power] = [new EventEmitter(), new EventEmitter()];
  const [window, closed] = [new EventEmitter(), new EventEmitter()];
  const app = new FakeApp();
  const stops: unknown[] = [];
  const backend = {
    stopServer: async (options: unknown) => stops.push(options),
    suspend: () => stops.push('suspend'),
    resume: () => stops.push('resume'),
  };
  const hooks = new QuitHooks({ app, updater, power: Promise.resolve(power) }, backend);
  await Promise.resolve();
  const unguard = hooks.guard(window);
  hooks.guard(window);
  hooks.guard(closed);

  unguard();
  window.emit('session-end');
  closed.emit('closed');
  closed.emit('session-end');
  deepEqual(stops, [{ immediate: true }]);
  hooks.remove();

  const left = [updater, power, window, closed, app].map((one) => one.eventNames());
  deepEqual(left, [[], [], [], [], []]);
});
