import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type QuitEvent, stopBeforeQuit } from './lifecycle';

/** An app that leaves when nobody puts it off. */
class FakeApp extends EventEmitter {
  readonly log: string[] = [];

  quit(): void {
    let isPutOff = false;
    const event: QuitEvent = {
      preventDefault: () => {
        isPutOff = true;
      },
    };
    this.emit('before-quit', event);
    this.log.push(isPutOff ? 'put off' : 'left');
  }
}

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
