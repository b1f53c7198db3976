/** From one lesson to the next by arrow keys; knows no DOM. */

import type { Place } from './places';

export interface Standing extends Place {
  readonly id: string;
}

/** Return the lesson that *key* leads to from *id*; undefined at an edge. */
export function neighbour(
  lessons: readonly Standing[],
  id: string,
  key: string,
): string | undefined {
  const here = lessons.find((one) => one.id === id);
  if (here === undefined) {
    return undefined;
  }
  const sideways = { ArrowLeft: -1, ArrowRight: 1 }[key];
  return sideways === undefined ? upOrDown(lessons, here, key) : across(lessons, here, sideways);
}

function upOrDown(lessons: readonly Standing[], here: Standing, key: string): string | undefined {
  const column = lessons
    .filter((one) => one.column === here.column)
    .sort((one, other) => one.minute - other.minute);
  const by = { ArrowUp: -1, ArrowDown: 1 }[key];
  return by === undefined ? undefined : column[column.indexOf(here) + by]?.id;
}

/** The nearest in time of the next column that has any. */
function across(lessons: readonly Standing[], here: Standing, by: number): string | undefined {
  const beyond = lessons.filter((one) => (one.column - here.column) * by > 0);
  const column = Math.min(...beyond.map((one) => one.column * by)) * by;
  const [nearest] = beyond
    .filter((one) => one.column === column)
    .sort(
      (one, other) => Math.abs(one.minute - here.minute) - Math.abs(other.minute - here.minute),
    );
  return nearest?.id;
}
