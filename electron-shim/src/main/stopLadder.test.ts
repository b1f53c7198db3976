import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { climbDown, type Stoppable } from './stopLadder';

const limits = { requestMs: 5, eofMs: 5, termMs: 5, totalMs: 40 };

/** A process that leaves at *rung*, or never. */
function makeTarget(rung: string): Stoppable & { readonly asked: readonly string[] } {
  const asked: string[] = [];
  let hasExited = rung === 'before';
  let leave: () => void = () => undefined;
  const exited = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const ask = (what: string): void => {
    asked.push(what);
    if (what === rung) {
      hasExited = true;
      leave();
    }
  };
  return {
    asked,
    exited,
    get hasExited() {
      return hasExited;
    },
    requestShutdown: async () => ask('request'),
    closeInput: () => ask('eof'),
    kill: (signal) => ask(signal.toLowerCase()),
  };
}

for (const rung of ['request', 'eof', 'sigterm', 'sigkill']) {
  test(`a process that leaves at ${rung} is asked no further`, async () => {
    const target = makeTarget(rung);

    equal(await climbDown(target, limits, Date.now), rung);

    equal(target.asked[target.asked.length - 1], rung);
  });
}

test('a dead process is not asked at all', async () => {
  const target = makeTarget('before');

  equal(await climbDown(target, limits, Date.now), 'not-running');
  deepEqual(target.asked, []);
});

test('a process that nothing ends is abandoned when the total limit is over', async () => {
  equal(await climbDown(makeTarget('never'), limits, Date.now), 'abandoned');
});

test('a refused request is followed by the end of input at once', async () => {
  const target = makeTarget('eof');
  const refusing = {
    ...target,
    get hasExited() {
      return target.hasExited;
    },
    requestShutdown: () => Promise.reject(new Error('no')),
  };

  equal(
    await climbDown(refusing, { ...limits, requestMs: 60_000, totalMs: 60_000 }, Date.now),
    'eof',
  );
});
