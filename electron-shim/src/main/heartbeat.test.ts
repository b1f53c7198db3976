import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, Heartbeat } from './heartbeat';

const limits = { intervalMs: 15_000, timeoutMs: 10_000, misses: 3, onDead: 'report' } as const;

/** A backend whose answers are given by hand, in a time that is moved by hand. */
class Bedside implements Clock {
  readonly told: string[] = [];
  readonly waits: number[] = [];
  pings = 0;
  #now = 0;
  #due: (() => void) | undefined;
  #answer: (isAnswered: boolean) => void = () => undefined;
  readonly heartbeat = new Heartbeat(
    limits,
    {
      ping: () => {
        this.pings += 1;
        return new Promise((resolve) => {
          this.#answer = resolve;
        });
      },
      fellSilent: (misses) => this.told.push(`silent ${misses}`),
      answered: () => this.told.push('answered'),
    },
    this,
  );

  nowMs(): number {
    return this.#now;
  }

  after(ms: number, then: () => void): () => void {
    this.waits.push(ms);
    this.#due = then;
    return () => {
      this.#due = undefined;
    };
  }

  get isWaiting(): boolean {
    return this.#due !== undefined;
  }

  /** Let the next ping go out, and answer it or not after *tookMs*. */
  async beat(isAnswered: boolean, tookMs: number = limits.timeoutMs): Promise<void> {
    const due = this.#due;
    this.#due = undefined;
    due?.();
    await this.answer(isAnswered, tookMs);
  }

  async answer(isAnswered: boolean, tookMs = 1): Promise<void> {
    this.#now += tookMs;
    this.#answer(isAnswered);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('three pings in a row without an answer are told, and so is the answer after', async () => {
  const bedside = new Bedside();

  for (const isAnswered of [false, false, true, false, false, false, false, true]) {
    await bedside.beat(isAnswered);
  }

  deepEqual(bedside.told, ['answered', 'silent 3', 'silent 4', 'answered']);
  equal(
    bedside.waits.every((ms) => ms === limits.intervalMs),
    true,
  );
});

test('a ping over which the clock jumped does not count', async () => {
  const bedside = new Bedside();

  await bedside.beat(false);
  await bedside.beat(false);
  await bedside.beat(false, 3_600_000);
  await bedside.beat(false, -3_600_000);
  deepEqual(bedside.told, []);

  await bedside.beat(false);
  deepEqual(bedside.told, ['silent 3']);
});

test('while the machine sleeps nothing is asked, and a ping of before does not count', async () => {
  const bedside = new Bedside();
  await bedside.beat(false);
  await bedside.beat(false);

  const third = bedside.beat(false);
  bedside.heartbeat.pause();
  await third;

  deepEqual([bedside.told, bedside.isWaiting], [[], false]);
});

test('a machine that wakes asks at once, and begins to count anew', async () => {
  const bedside = new Bedside();
  await bedside.beat(false);
  await bedside.beat(false);
  bedside.heartbeat.pause();

  bedside.heartbeat.resume();

  equal(bedside.pings, 3);
  await bedside.answer(false, limits.timeoutMs);
  deepEqual([bedside.told, bedside.isWaiting], [[], true]);
});

test('a stopped heartbeat asks and tells nothing', async () => {
  const bedside = new Bedside();

  bedside.heartbeat.stop();
  await bedside.answer(true);

  deepEqual([bedside.told, bedside.isWaiting, bedside.pings], [[], false, 0]);
});
