import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { neighbour } from './neighbours';

const lessons = [
  { id: 'mon-9', column: 0, minute: 540 },
  { id: 'mon-14', column: 0, minute: 840 },
  { id: 'wed-8', column: 2, minute: 480 },
  { id: 'wed-13', column: 2, minute: 780 },
];

test('up and down go through one column by time', () => {
  equal(neighbour(lessons, 'mon-9', 'ArrowDown'), 'mon-14');
  equal(neighbour(lessons, 'mon-14', 'ArrowUp'), 'mon-9');
  equal(neighbour(lessons, 'mon-14', 'ArrowDown'), undefined);
});

test('left and right go to the nearest in time of the next column that has any', () => {
  equal(neighbour(lessons, 'mon-14', 'ArrowRight'), 'wed-13');
  equal(neighbour(lessons, 'wed-8', 'ArrowLeft'), 'mon-9');
  equal(neighbour(lessons, 'wed-8', 'ArrowRight'), undefined);
  equal(neighbour(lessons, 'nowhere', 'ArrowRight'), undefined);
});
