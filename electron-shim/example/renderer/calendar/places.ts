/** Where a lesson is while it is moved: columns and minutes, and the instant that this comes to; no DOM. */

import type { DrawnLesson } from '../base/school';
import { laterBy, minutesIn, type Span } from '../base/spans';
import { instantOf, minutesOf, timeOf } from '../base/week';
import { type Column, isIn } from './columns';

/** A lesson is moved in steps of so many minutes. */
export const stepMinutes = 15;
const dayMinutes = 24 * 60;

export interface Place {
  /** Which column. */
  readonly column: number;
  /** Minutes after midnight on the wall clock. */
  readonly minute: number;
}

/** Return the place nearest to a wanted minute: on the grid, within the day, and no later than midnight. */
export function snap(column: number, wanted: number, minutes: number): Place {
  const latest = dayMinutes - Math.min(minutes, dayMinutes);
  const onGrid = Math.round(wanted / stepMinutes) * stepMinutes;
  const last = Math.floor(latest / stepMinutes) * stepMinutes;
  return { column, minute: Math.min(Math.max(onGrid, 0), last) };
}

/** Return where *drawn* stands. */
export function placeOf(drawn: DrawnLesson, columns: readonly Column[]): Place | undefined {
  const column = columns.findIndex((one) => isIn(one, drawn));
  return column === -1 ? undefined : { column, minute: minutesOf(drawn.local.start.slice(11)) };
}

/** Return the place one press of an arrow key away; the edges hold. */
export function step(place: Place, key: string, columns: number, minutes: number): Place {
  const { column, minute } = place;
  switch (key) {
    case 'ArrowUp':
      return snap(column, Math.ceil(minute / stepMinutes) * stepMinutes - stepMinutes, minutes);
    case 'ArrowDown':
      return snap(column, Math.floor(minute / stepMinutes) * stepMinutes + stepMinutes, minutes);
    case 'ArrowLeft':
      return { column: Math.max(0, column - 1), minute };
    case 'ArrowRight':
      return { column: Math.min(columns - 1, column + 1), minute };
    default:
      return place;
  }
}

/**
 * Return the span that *drawn* takes when it is dropped at *place*.
 *
 * It keeps its length in real minutes, also on a day whose clocks change; a time that the clocks
 * skip becomes the one as long after the change.
 */
export function spanAt(drawn: DrawnLesson, column: Column, place: Place, zone: string): Span {
  const startsAt = instantOf(column.date, timeOf(place.minute), zone);
  return { startsAt, endsAt: laterBy(startsAt, minutesIn(drawn)) };
}
