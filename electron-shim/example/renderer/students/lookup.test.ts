import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { Lookup } from './lookup';

/** Timers that go off when they are told to. */
class Clock {
  readonly #acts = new Map<number, () => void>();
  #next = 1;

  readonly set = (act: () => void): number => {
    this.#acts.set(this.#next, act);
    this.#next += 1;
    return this.#next - 1;
  };

  readonly clear = (timer: number): void => {
    this.#acts.delete(timer);
  };

  run(): void {
    for (const act of [...this.#acts.values()]) {
      act();
    }
    this.#acts.clear();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('fast typing is one question, for what was typed last', async () => {
  const asked: string[] = [];
  const clock = new Clock();
  const lookup = new Lookup(
    async (text) => asked.push(text),
    () => undefined,
    clock,
  );

  for (const typed of ['a', 'ad', ' ada ']) {
    lookup.typed(typed);
  }
  clock.run();
  await turn();

  deepEqual(asked, ['ada']);
});

test('an answer out of turn, or to a question that was dropped, is none', async () => {
  const answers: ((text: string) => void)[] = [];
  const heard: string[] = [];
  const lookup = new Lookup(
    () => new Promise<string>((resolve) => answers.push(resolve)),
    (answer) => heard.push(answer),
    new Clock(),
  );

  void lookup.ask('slow');
  void lookup.ask('quick');
  answers[1]?.('to quick');
  answers[0]?.('to slow');
  await turn();
  void lookup.ask('dropped');
  lookup.drop();
  answers[2]?.('to dropped');
  await turn();

  deepEqual(heard, ['to quick']);
});

test('a question that fails has no answer, and the next one is asked all the same', async () => {
  const heard: string[] = [];
  const lookup = new Lookup(
    async (text) => {
      if (text === 'bad') {
        throw new Error('refused');
      }
      return text;
    },
    (answer) => heard.push(answer),
    new Clock(),
  );

  await lookup.ask('bad');
  await lookup.ask('good');

  deepEqual(heard, ['good']);
});
