import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { shimError } from '../shared/shimErrors';
import { failureOf, symbolOf } from '../testing/rig';
import type { CancelSignal } from './call';
import { monotonicMs } from './clock';
import { WindowCalls } from './windowCalls';

/** Calls that are done by hand. */
class Desk {
  readonly calls = new WindowCalls({ maxInFlight: 2, maxWaiting: 2, timeoutMs: 0 });
  readonly begun: string[] = [];
  readonly done = new Map<string, (error?: Error) => void>();

  start(id: string, timeoutMs?: number): Promise<string> {
    return this.calls.run(id, (signal) => this.#work(id, signal), timeoutMs);
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

test('the limit of a call counts from its asking, not from its turn', async () => {
  const desk = new Desk();
  void desk.start('a');
  void desk.start('b');

  const waiting = await failureOf(desk.start('c', 5));

  deepEqual([waiting.symbol, waiting.outcome], ['CALL_TIMEOUT', 'none']);
  const lefts: number[] = [];
  const late = desk.calls.run('d', async (_signal, leftMs) => lefts.push(leftMs), 60_000);
  for (const askedAtMs = monotonicMs(); monotonicMs() < askedAtMs + 2; ) {
    await turn();
  }
  desk.done.get('a')?.();
  await late;
  equal(lefts.length === 1 && (lefts[0] ?? 0) < 60_000, true);
  deepEqual(desk.begun, ['a', 'b']);
});

test('whoever is gone has given up all that is at work and all that is in line', async () => {
  const desk = new Desk();
  const calls = ['a', 'b', 'c'].map((id) => symbolOf(desk.start(id)));
  await turn();

  desk.calls.cancelAll();

  deepEqual(await Promise.all(calls), ['CALL_CANCELLED', 'CALL_CANCELLED', 'CALL_CANCELLED']);
  deepEqual(desk.begun, ['a', 'b']);
});
