import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { placeInLanes } from './lanes';

function lanesOf(...spans: readonly (readonly [number, number])[]): readonly string[] {
  return placeInLanes(spans.map(([startMinute, endMinute]) => ({ startMinute, endMinute }))).map(
    ({ span, lane, lanes }) => `${span.startMinute}-${span.endMinute} ${lane + 1}/${lanes}`,
  );
}

test('spans that only touch share a lane', () => {
  deepEqual(lanesOf([0, 60], [60, 120]), ['0-60 1/1', '60-120 1/1']);
});

test('spans that overlap stand side by side, the longer one first', () => {
  deepEqual(lanesOf([0, 30], [0, 60], [30, 60]), ['0-60 1/2', '0-30 2/2', '30-60 2/2']);
});

test('a group keeps its lanes and the next one starts anew', () => {
  deepEqual(lanesOf([0, 90], [30, 60], [45, 100], [100, 120]), [
    '0-90 1/3',
    '30-60 2/3',
    '45-100 3/3',
    '100-120 1/1',
  ]);
});

test('nothing gives nothing', () => {
  deepEqual(lanesOf(), []);
});
