import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError } from '../../../src/renderer';
import { adviceFor } from './advice';
import { Journal, writeProblem } from './journal';

function failure(symbol: string, type: 'business' | 'system' = 'system'): BackendError {
  return new BackendError({
    ...{ code: 1, symbol, type, message: 'It did not work.', retryable: false },
    ...{ outcome: 'none', correlationId: 'c-1' },
  });
}

test('the newest problem comes first, and the same again only counts', () => {
  const journal = new Journal(() => undefined);
  journal.note('lessons.book', failure('DISK_FULL'), 1);
  journal.note('students.list', failure('OVERLOADED'), 2);
  journal.note('students.list', failure('OVERLOADED'), 3);

  deepEqual(
    journal.problems.map(({ doing, failure: { symbol }, times }) => [doing, symbol, times]),
    [
      ['students.list', 'OVERLOADED', 2],
      ['lessons.book', 'DISK_FULL', 1],
    ],
  );
});

test('a plain refusal alarms nobody, a failure does until somebody looks', () => {
  let changes = 0;
  const journal = new Journal(() => {
    changes += 1;
  });
  journal.note('lessons.book', failure('CONFLICT_VEHICLE', 'business'), 1);
  equal(journal.unseen, 0);
  journal.note('lessons.book', failure('BACKEND_LOST'), 2);
  equal(journal.unseen, 1);
  journal.see();

  deepEqual([journal.unseen, changes], [0, 3]);
});

test('at most a hundred are kept', () => {
  const journal = new Journal(() => undefined);
  for (let count = 0; count < 150; count += 1) {
    journal.note(`channel-${count}`, failure('OVERLOADED'), count);
  }

  equal(journal.problems.length, 100);
  equal(journal.problems[0]?.doing, 'channel-149');
});

test('a report names symbol, advice and correlation id', () => {
  const journal = new Journal(() => undefined);
  journal.note('lessons.book', failure('DISK_FULL'), 0);

  const [problem] = journal.problems;
  const text = problem === undefined ? '' : writeProblem(problem);
  match(text, /^1970-01-01T00:00:00.000Z DISK_FULL/);
  match(text, /correlation id: c-1/);
  match(text, /Free some space/);
});

test('an unknown symbol is advised by what its outcome and type say', () => {
  const unknown = { symbol: 'NEW', retryable: false } as const;

  match(adviceFor({ ...unknown, outcome: 'unknown' }), /Look whether it was done/);
  match(adviceFor({ ...unknown, outcome: 'none', retryable: true }), /try again/);
  match(adviceFor({ ...unknown, outcome: 'none' }), /Copy this report/);
});
