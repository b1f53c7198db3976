import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { DrawnLesson } from '../base/school';
import { fitScale, minuteAt, minutesOfLesson, pixelsOf } from './scale';

function lessonAt(start: string, end: string): DrawnLesson {
  return { local: { start, end } } as DrawnLesson;
}

test('the usual hours fill the height, and no row is too low to be read', () => {
  deepEqual(fitScale([], 1_300), { from: 7, to: 20, hourPixels: 100 });
  equal(fitScale([], 100).hourPixels, 46);
});

test('early and late lessons widen what is drawn', () => {
  const lessons = [
    lessonAt('2026-11-24T05:30', '2026-11-24T07:00'),
    lessonAt('2026-11-24T20:15', '2026-11-24T21:45'),
  ];

  deepEqual(fitScale(lessons, 1_300), { from: 5, to: 22, hourPixels: 100 });
});

test('pixels are minutes and back', () => {
  const scale = { from: 7, to: 20, hourPixels: 60 };

  equal(pixelsOf(8 * 60 + 30, scale), 90);
  equal(minuteAt(90, scale), 8 * 60 + 30);
});

test('a lesson into the next day is cut at midnight', () => {
  deepEqual(minutesOfLesson(lessonAt('2026-11-24T22:30', '2026-11-25T00:00')), {
    startMinute: 1_350,
    endMinute: 1_440,
  });
});
