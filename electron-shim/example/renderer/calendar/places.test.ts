import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { DrawnLesson } from '../base/school';
import type { Column } from './columns';
import { placeOf, snap, spanAt, step } from './places';

function column(date: string, instructorId?: string): Column {
  return { date, instructorId, title: '', subtitle: '', label: '' };
}

function lessonOf(startsAt: string, endsAt: string, start: string, end: string): DrawnLesson {
  return {
    lesson: {
      ...{ id: 'les_1', state: 'booked', type: 'normal', studentName: 'Ada Byron' },
      ...{ studentId: 'stu_1', instructorId: 'ins_1', vehicleId: null },
    },
    ...{ local: { start, end }, zone: 'Europe/Berlin', startsAt, endsAt },
  };
}

const lesson = lessonOf(
  '2026-11-24T08:00:00Z',
  '2026-11-24T09:30:00Z',
  '2026-11-24T09:00',
  '2026-11-24T10:30',
);

test('a place lies on a quarter of an hour, within the day', () => {
  deepEqual(snap(2, 547, 90), { column: 2, minute: 540 });
  deepEqual(snap(2, 548, 90), { column: 2, minute: 555 });
  deepEqual(snap(0, -30, 90), { column: 0, minute: 0 });
  deepEqual(snap(0, 1_439, 90), { column: 0, minute: 1_350 });
  deepEqual(snap(0, 1_439, 50), { column: 0, minute: 1_380 });
});

test('a lesson stands in the column of its day, and of its instructor where there is one', () => {
  const week = [column('2026-11-23'), column('2026-11-24')];
  const day = [column('2026-11-24', 'ins_2'), column('2026-11-24', 'ins_1')];

  deepEqual(placeOf(lesson, week), { column: 1, minute: 540 });
  deepEqual(placeOf(lesson, day), { column: 1, minute: 540 });
  equal(placeOf(lesson, [column('2026-12-01')]), undefined);
});

test('an arrow key goes a quarter of an hour or a column, and no further than the edges', () => {
  deepEqual(step({ column: 1, minute: 540 }, 'ArrowDown', 7, 90), { column: 1, minute: 555 });
  deepEqual(step({ column: 1, minute: 540 }, 'ArrowUp', 7, 90), { column: 1, minute: 525 });
  deepEqual(step({ column: 1, minute: 547 }, 'ArrowDown', 7, 90), { column: 1, minute: 555 });
  deepEqual(step({ column: 1, minute: 547 }, 'ArrowUp', 7, 90), { column: 1, minute: 540 });
  deepEqual(step({ column: 6, minute: 540 }, 'ArrowRight', 7, 90), { column: 6, minute: 540 });
  deepEqual(step({ column: 0, minute: 0 }, 'ArrowLeft', 7, 90), { column: 0, minute: 0 });
  deepEqual(step({ column: 0, minute: 0 }, 'ArrowUp', 7, 90), { column: 0, minute: 0 });
  deepEqual(step({ column: 0, minute: 540 }, 'x', 7, 90), { column: 0, minute: 540 });
});

test('what is dropped keeps its length, in winter and in summer', () => {
  const at = { column: 0, minute: 14 * 60 };

  deepEqual(spanAt(lesson, column('2026-11-25'), at, 'Europe/Berlin'), {
    startsAt: '2026-11-25T13:00:00Z',
    endsAt: '2026-11-25T14:30:00Z',
  });
  deepEqual(spanAt(lesson, column('2026-07-01'), at, 'Europe/Berlin'), {
    startsAt: '2026-07-01T12:00:00Z',
    endsAt: '2026-07-01T13:30:00Z',
  });
});

test('a lesson dropped over the change of the clocks takes as many real minutes as before', () => {
  const at = (minute: number): { column: number; minute: number } => ({ column: 0, minute });

  // 29 March 2026: 02:00 becomes 03:00, so 01:30 + 90 minutes is 04:00 on the wall.
  deepEqual(spanAt(lesson, column('2026-03-29'), at(90), 'Europe/Berlin'), {
    startsAt: '2026-03-29T00:30:00Z',
    endsAt: '2026-03-29T02:00:00Z',
  });
  // 02:30 does not exist: as long after the change.
  deepEqual(spanAt(lesson, column('2026-03-29'), at(150), 'Europe/Berlin'), {
    startsAt: '2026-03-29T01:30:00Z',
    endsAt: '2026-03-29T03:00:00Z',
  });
  // 25 October 2026: 03:00 becomes 02:00, so 01:30 + 90 minutes is 02:00 on the wall.
  deepEqual(spanAt(lesson, column('2026-10-25'), at(90), 'Europe/Berlin'), {
    startsAt: '2026-10-24T23:30:00Z',
    endsAt: '2026-10-25T01:00:00Z',
  });
});
