import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { shimError } from '../shared/shimErrors';
import { symbolOf } from '../testing/rig';
import type { CancelSignal } from './call';
import { WindowCalls } from './windowCalls';

/** Calls that are done by hand. */
class Desk {
  readonly calls = new WindowCalls({ maxInFlight: 2, maxWaiting: 2 });
  readonly begun: string[] = [];
  readonly done = new Map<string, (error?: Error) => void>();

  start(id: string): Promise<string> {
    return this.calls.run(id, (signal) => this.#work(id, signal));
  }

  #work(id: string, signal: CancelSignal): Promise<string> {
    this.begun.push(id);
    return new Promise((resolve, reject) => {
      this.done.set(id, (error) => (error === undefined ? resolve(id) : reject(error)));
      signal.addEventListener('abort', () =>
        reject(shimError('CALL_CANCELLED', { outcome: 'unknown' })),
      );
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many calls are at work, the next ones wait in line, and more are refused', async () => {
  const desk = new Desk();
  const calls = Promise.allSettled(['a', 'b', 'c', 'd'].map((id) => desk.start(id)));

  equal(await symbolOf(desk.start('e')), 'CALLS_EXHAUSTED');
  deepEqual(desk.begun, ['a', 'b']);

  desk.done.get('b')?.();
  await turn();
  deepEqual(desk.begun, ['a', 'b', 'c']);
  desk.done.get('a')?.(new Error('a failed call makes room as well'));
  await turn();
  deepEqual(desk.begun, ['a', 'b', 'c', 'd']);
  desk.done.get('c')?.();
  desk.done.get('d')?.();

  deepEqual(
    (await calls).map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
  equal((await Promise.race([desk.start('f'), turn()])) ?? desk.begun.at(-1), 'f');
});

test('a call in line that is given up is never begun, one at work hears of it', async () => {
  const desk = new Desk();
  const atWork = symbolOf(desk.start('a'));
  void desk.start('b');
  const inLine = symbolOf(desk.start('c'));
  await turn();

  desk.calls.cancel('c');
  desk.calls.cancel('a');
  desk.calls.cancel('nobody');

  deepEqual(await Promise.all([atWork, inLine]), ['CALL_CANCELLED', 'CALL_CANCELLED']);
  await turn();
  deepEqual(desk.begun, ['a', 'b']);
});
