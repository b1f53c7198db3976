import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { spread, startOfSearch } from './spread';

function slot(start: string, end: string, instructorId = 'ins_1'): Parameters<typeof spread>[0][0] {
  const at = (time: string): string => `2026-11-24T${time}:00Z`;
  return { startsAt: at(start), endsAt: at(end), instructorId, vehicleId: null };
}

function startsOf(slots: Parameters<typeof spread>[0], count: number): readonly string[] {
  return spread(slots, count).map(
    ({ startsAt, instructorId }) => `${startsAt.slice(11, 16)} ${instructorId}`,
  );
}

test('of slots that overlap the earliest is offered', () => {
  const slots = [
    slot('07:00', '08:30'),
    slot('07:15', '08:45'),
    slot('08:30', '10:00'),
    slot('08:45', '10:15'),
  ];

  deepEqual(startsOf(slots, 4), ['07:00 ins_1', '08:30 ins_1']);
});

test('no more than wanted are offered, and none of nothing', () => {
  const slots = [slot('07:00', '08:00'), slot('08:00', '09:00'), slot('09:00', '10:00')];

  deepEqual(startsOf(slots, 2), ['07:00 ins_1', '08:00 ins_1']);
  deepEqual(startsOf([], 2), []);
});

test('instructors who are free at once take turns', () => {
  const slots = [
    slot('07:00', '08:00', 'ins_1'),
    slot('07:00', '08:00', 'ins_2'),
    slot('08:00', '09:00', 'ins_1'),
    slot('08:00', '09:00', 'ins_2'),
  ];

  deepEqual(startsOf(slots, 4), ['07:00 ins_1', '08:00 ins_2']);
});

test('a search begins with the day on its own clock, but never before now', () => {
  const noonMs = Date.parse('2026-11-24T11:00:30Z');

  deepEqual(startOfSearch('2026-11-25', 'Europe/Berlin', noonMs), '2026-11-24T23:00:00Z');
  deepEqual(startOfSearch('2026-11-24', 'Europe/Berlin', noonMs), '2026-11-24T11:01:00Z');
});
