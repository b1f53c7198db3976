/** What the window knows of the school: branches, instructors, vehicles, and a week's lessons. */

import type {
  Branch,
  CalendarItem,
  CalendarLesson,
  Instructor,
  LocalSpan,
  SchoolClient,
  Vehicle,
} from '../../../src/renderer';
import { addDays } from './week';

export interface School {
  readonly branches: readonly Branch[];
  readonly instructors: readonly Instructor[];
  readonly vehicles: readonly Vehicle[];
}

export const emptySchool: School = { branches: [], instructors: [], vehicles: [] };

/** A lesson as the calendar draws it. */
export interface DrawnLesson {
  readonly lesson: CalendarLesson;
  readonly local: LocalSpan;
  readonly zone: string;
  /** RFC 3339 in UTC. */
  readonly startsAt: string;
  readonly endsAt: string;
}

/** Load everything but lessons and students. */
export async function loadSchool(client: SchoolClient): Promise<School> {
  const [branches, instructors, vehicles] = await Promise.all([
    client.send('branches.list', {}),
    client.send('instructors.list', { state: 'active' }),
    client.send('vehicles.list', { state: 'active' }),
  ]);
  return {
    branches: branches.items.filter(({ isActive }) => isActive),
    instructors: instructors.items,
    vehicles: vehicles.items,
  };
}

/** Load the lessons of the week from *monday* on, by the wall clock of each branch. */
export async function loadWeek(
  client: SchoolClient,
  monday: string,
): Promise<readonly DrawnLesson[]> {
  // A day more on both sides: the wall clock may be up to 14 hours away from UTC.
  const view = await client.send('calendar.view', {
    from: `${addDays(monday, -1)}T00:00:00Z`,
    to: `${addDays(monday, 8)}T00:00:00Z`,
    resourceTypes: ['instructor'],
  });
  const end = addDays(monday, 7);
  return view.items
    .filter(isLesson)
    .filter(({ local }) => local.start >= monday && local.start.slice(0, 10) < end);
}

function isLesson(item: CalendarItem): item is CalendarItem & DrawnLesson {
  return item.lesson !== null && item.local !== null && item.zone !== null;
}

/** Write the name of a person. */
export function nameOf(person: {
  readonly givenName: string;
  readonly familyName: string;
}): string {
  return `${person.givenName} ${person.familyName}`;
}

/** Return the branch of an instructor. */
export function branchOf(school: School, instructorId: string): Branch | undefined {
  const instructor = school.instructors.find(({ id }) => id === instructorId);
  return school.branches.find(({ id }) => id === instructor?.branchId);
}

/** Write which car it is. */
export function carOf({ plate, make, model }: Vehicle): string {
  return `${plate} · ${make} ${model}`;
}
