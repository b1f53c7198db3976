/** Explains why a lesson was not booked or moved, and what could be done instead. */

import { BackendError, type Claim } from '../../../src/renderer';
import { make, makeButton } from '../base/dom';
import { type Span, writeSpan } from '../base/spans';
import { adviceFor } from '../problems/advice';

const titles: Readonly<Record<string, string>> = {
  CONFLICT_INSTRUCTOR: 'The instructor is already busy',
  CONFLICT_VEHICLE: 'The vehicle is already taken',
  CONFLICT_STUDENT: 'The student already has a lesson',
  INVALID_PARAMS: 'Something in the form does not fit',
  TIME_IN_PAST: 'That time is over',
  VERSION_CONFLICT: 'Somebody changed this lesson meanwhile',
  CHANNEL_REFUSED: 'This window may not do that',
  FORBIDDEN: 'You may not do that',
  BACKEND_RESTARTING: 'The backend is restarting',
  BACKEND_LOST: 'It is not known whether it was done',
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
  readonly title: string;
  readonly zone: string;
  /** Whose lesson it is, when the calendar shows it. */
  readonly studentOf: (lessonId: string) => string | undefined;
  /** What a click on a free time does, in words and in deed. */
  readonly offer: string;
  readonly choose: (alternative: Span) => void;
}

/** Draw the card for *error*. */
export function drawRefusal(error: unknown, context: RefusalContext): HTMLElement {
  const failure = error instanceof BackendError ? error : undefined;
  const details = failure?.details ?? {};
  const conflicts = listOf(details['conflicts'], isClaim);
  const alternatives = listOf(details['alternatives'], isSpan);
  const rule = rules[String(details['rule'])];
  const code =
    failure === undefined ? [] : [make('p', { class: 'rule' }, make('code', {}, failure.symbol))];
  return make(
    'div',
    { class: 'card bad', role: 'alert' },
    make('h3', {}, titles[failure?.symbol ?? ''] ?? context.title),
    make('p', {}, failure?.message ?? 'Something went wrong in this window.'),
    ...(conflicts.length > 0 ? [drawConflicts(conflicts, context)] : []),
    ...(rule === undefined ? [] : [make('p', { class: 'rule' }, rule)]),
    ...(alternatives.length > 0
      ? [drawAlternatives(alternatives, context)]
      : [make('p', { class: 'advice' }, failure === undefined ? '' : adviceFor(failure))]),
    ...code,
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

function drawAlternatives(alternatives: readonly Span[], context: RefusalContext): HTMLElement {
  const buttons = alternatives.map((alternative) =>
    makeButton(writeSpan(alternative, context.zone), () => context.choose(alternative)),
  );
  return make(
    'div',
    { class: 'alternatives', role: 'group', 'aria-label': 'Take instead' },
    make('p', {}, context.offer),
    ...buttons,
  );
}

function listOf<T>(value: unknown, isItem: (item: unknown) => item is T): readonly T[] {
  return Array.isArray(value) ? value.filter(isItem) : [];
}

function isSpan(item: unknown): item is Span {
  return hasText(item, 'startsAt') && hasText(item, 'endsAt');
}

function isClaim(item: unknown): item is Claim {
  return (
    isSpan(item) && ['resourceType', 'ownerType', 'ownerId'].every((name) => hasText(item, name))
  );
}

function hasText(item: unknown, name: string): boolean {
  return typeof item === 'object' && item !== null && typeof Reflect.get(item, name) === 'string';
}
