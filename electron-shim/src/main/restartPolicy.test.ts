import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { makeOptions } from '../testing/rig';
import { resolveOptions } from './options';
import { isFinalExit, RestartPolicy } from './restartPolicy';

const defaults = resolveOptions(makeOptions([], { restart: {} })).restart;

function delays(
  policy: RestartPolicy,
  crashedAtMs: readonly number[],
): readonly (number | string)[] {
  return crashedAtMs.map((nowMs) => {
    const verdict = policy.crashed(nowMs, 0);
    return verdict.kind === 'restart' ? verdict.delayMs : verdict.kind;
  });
}

test('the delay doubles and the fifth crash in three minutes is the last', () => {
  const policy = new RestartPolicy(defaults, () => 0.5);

  deepEqual(delays(policy, [0, 1, 2, 3, 4]), [250, 500, 1_000, 2_000, 'give-up']);
});

test('crashes that are further apart than the window never end it', () => {
  const policy = new RestartPolicy(defaults, () => 0.5);

  deepEqual(delays(policy, [0, 180_000, 360_000]), [250, 250, 250]);
});

test('a backend that served for a minute starts with a clean slate', () => {
  const policy = new RestartPolicy(defaults, () => 0.5);
  delays(policy, [0, 1, 2, 3]);

  deepEqual(policy.crashed(4, 60_000), { kind: 'restart', attempt: 1, delayMs: 250 });
});

test('jitter moves the delay by a fifth at most and the longest delay holds', () => {
  deepEqual(delays(new RestartPolicy(defaults, () => 0), [0]), [200]);
  deepEqual(delays(new RestartPolicy(defaults, () => 1), [0]), [300]);
  const patient = new RestartPolicy({ ...defaults, maxCrashes: 9 }, () => 0.5);
  equal(delays(patient, [0, 1, 2, 3, 4, 5, 6, 7])[7], 10_000);
});

test('usage, a data directory in use and what a restart repeats are final', () => {
  const codes = [0, 1, 64, 65, 69, 70, 73, 74, 75, 76, 77, 78, 79, null];

  deepEqual(
    codes.filter((code) => isFinalExit(code)),
    [64, 69, 76, 77, 78, 79],
  );
});
