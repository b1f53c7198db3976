/** Explains why a lesson was not booked, and what could be done instead. */

import { BackendError, type Claim } from '../../src/renderer';
import { make } from './dom';
import { shortDate, wallClock } from './week';

export interface Alternative {
  readonly startsAt: string;
  readonly endsAt: string;
}

const titles: Readonly<Record<string, string>> = {
  CONFLICT_INSTRUCTOR: 'The instructor is already busy',
  CONFLICT_VEHICLE: 'The vehicle is already taken',
  CONFLICT_STUDENT: 'The student already has a lesson',
  INVALID_PARAMS: 'Something in the form does not fit',
  BACKEND_RESTARTING: 'The backend is restarting',
  BACKEND_LOST: 'It is not known whether the lesson was booked',
};

const rules: Readonly<Record<string, string>> = {
  K1: 'Rule K1: nobody and nothing can be in two places at once.',
};

const owners: Readonly<Record<string, string>> = {
  lesson: 'Lesson',
  class: 'Theory class',
  exam: 'Exam',
  time_off: 'Time off',
  work_order: 'Workshop',
  block: 'Blocked',
  external: 'Private appointment',
  worktime: 'Outside working hours',
};

export interface RefusalContext {
  readonly zone: string;
  /** Whose lesson it is, when the calendar shows it. */
  readonly studentOf: (lessonId: string) => string | undefined;
  readonly choose: (alternative: Alternative) => void;
}

/** Draw the card for *error*. */
export function drawRefusal(error: unknown, context: RefusalContext): HTMLElement {
  const failure = error instanceof BackendError ? error : undefined;
  const details = failure?.details ?? {};
  const conflicts = listOf(details['conflicts'], isClaim);
  const alternatives = listOf(details['alternatives'], isAlternative);
  const rule = rules[String(details['rule'])];
  return make(
    'div',
    { class: 'card bad', role: 'alert' },
    make('h3', {}, titles[failure?.symbol ?? ''] ?? 'The lesson was not booked'),
    make('p', {}, failure?.message ?? 'Something went wrong in this window.'),
    ...(conflicts.length > 0 ? [drawConflicts(conflicts, context)] : []),
    ...(rule === undefined ? [] : [make('p', { class: 'rule' }, rule)]),
    ...(alternatives.length > 0 ? [drawAlternatives(alternatives, context)] : []),
  );
}

/** One line per appointment, however many of the wanted things it keeps busy. */
function drawConflicts(conflicts: readonly Claim[], context: RefusalContext): HTMLElement {
  const byOwner = new Map<string, readonly Claim[]>();
  for (const claim of conflicts) {
    byOwner.set(claim.ownerId, [...(byOwner.get(claim.ownerId) ?? []), claim]);
  }
  const items = [...byOwner.values()].map((claims) => drawOwner(claims, context));
  return make('ul', { 'aria-label': 'Collides with' }, ...items);
}

function drawOwner(claims: readonly Claim[], context: RefusalContext): HTMLElement {
  const [claim] = claims;
  if (claim === undefined) {
    return make('li');
  }
  const owner = owners[claim.ownerType] ?? 'Appointment';
  const student = claim.ownerType === 'lesson' ? context.studentOf(claim.ownerId) : undefined;
  const what = student === undefined ? owner : `${owner} of ${student}`;
  const busy = claims.map(({ resourceType }) => resourceType).join(' and ');
  return make(
    'li',
    { class: 'collision' },
    `${writeSpan(claim, context.zone)} · ${what}`,
    make('small', {}, `needs the same ${busy}`),
  );
}

function drawAlternatives(
  alternatives: readonly Alternative[],
  context: RefusalContext,
): HTMLElement {
  const buttons = alternatives.map((alternative) => {
    const button = make('button', { type: 'button' }, writeSpan(alternative, context.zone));
    button.addEventListener('click', () => context.choose(alternative));
    return button;
  });
  return make(
    'div',
    { class: 'alternatives', role: 'group', 'aria-label': 'Book instead' },
    make('p', {}, 'Free instead – click to book'),
    ...buttons,
  );
}

/** Write a span such as `Tue 24 Nov, 09:00 – 10:30` on the wall clock of *zone*. */
export function writeSpan(span: Alternative, zone: string): string {
  const start = wallClock(Date.parse(span.startsAt), zone);
  const end = wallClock(Date.parse(span.endsAt), zone);
  return `${shortDate(start.date)}, ${start.time} – ${end.time}`;
}

function listOf<T>(value: unknown, isItem: (item: unknown) => item is T): readonly T[] {
  return Array.isArray(value) ? value.filter(isItem) : [];
}

function isAlternative(item: unknown): item is Alternative {
  return hasText(item, 'startsAt') && hasText(item, 'endsAt');
}

function isClaim(item: unknown): item is Claim {
  return (
    isAlternative(item) &&
    ['resourceType', 'ownerType', 'ownerId'].every((name) => hasText(item, name))
  );
}

function hasText(item: unknown, name: string): boolean {
  return typeof item === 'object' && item !== null && typeof Reflect.get(item, name) === 'string';
}
