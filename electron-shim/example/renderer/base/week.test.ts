import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import {
  addDays,
  instantOf,
  mondayOf,
  shortDate,
  wallClock,
  weekFrom,
  weekNumber,
  weekTitle,
} from './week';

test('a week begins on Monday, on Sundays too', () => {
  equal(mondayOf('2026-11-23'), '2026-11-23');
  equal(mondayOf('2026-11-29'), '2026-11-23');
  equal(addDays('2026-12-31', 1), '2027-01-01');
  deepEqual(weekFrom('2026-11-23')[6], '2026-11-29');
});

test('weeks are counted as ISO 8601 does', () => {
  equal(weekNumber('2026-11-23'), 48);
  equal(weekNumber('2026-12-28'), 53);
  equal(weekNumber('2027-01-04'), 1);
  equal(weekNumber('2024-12-30'), 1);
});

test('titles name the month once when it is one', () => {
  equal(weekTitle('2026-11-23'), '23 – 29 November 2026');
  equal(weekTitle('2026-11-30'), '30 November – 6 December 2026');
  equal(shortDate('2026-11-24'), 'Tue 24 Nov');
});

test('a time on the wall is an instant and back, in winter and summer', () => {
  for (const [date, zone, instant] of [
    ['2026-11-24', 'Europe/Berlin', '2026-11-24T08:00:00Z'],
    ['2026-07-01', 'Europe/Berlin', '2026-07-01T07:00:00Z'],
    ['2026-11-24', 'America/New_York', '2026-11-24T14:00:00Z'],
    ['2026-11-24', 'Pacific/Kiritimati', '2026-11-23T19:00:00Z'],
  ] as const) {
    equal(instantOf(date, '09:00', zone), instant);
    deepEqual(wallClock(Date.parse(instant), zone), { date, time: '09:00' });
  }
});

test('on the days the clocks change every time that exists is found', () => {
  // 29 March 2026: 02:00 becomes 03:00; 25 October 2026: 03:00 becomes 02:00.
  equal(instantOf('2026-03-29', '01:30', 'Europe/Berlin'), '2026-03-29T00:30:00Z');
  equal(instantOf('2026-03-29', '10:00', 'Europe/Berlin'), '2026-03-29T08:00:00Z');
  equal(instantOf('2026-10-25', '01:30', 'Europe/Berlin'), '2026-10-24T23:30:00Z');
  equal(instantOf('2026-10-25', '10:00', 'Europe/Berlin'), '2026-10-25T09:00:00Z');
});

test('a skipped time is as long after the change, of a doubled one the first counts', () => {
  equal(instantOf('2026-03-29', '02:30', 'Europe/Berlin'), '2026-03-29T01:30:00Z');
  equal(instantOf('2026-10-25', '02:30', 'Europe/Berlin'), '2026-10-25T00:30:00Z');
});
