/** Spans of time in words; knows no DOM. */

import { shortDate, wallClock } from './week';

/** Two instants, RFC 3339 in UTC. */
export interface Span {
  readonly startsAt: string;
  readonly endsAt: string;
}

/** Write a span such as `Tue 24 Nov, 09:00 – 10:30` on the wall clock of *zone*. */
export function writeSpan(span: Span, zone: string): string {
  const start = wallClock(Date.parse(span.startsAt), zone);
  const end = wallClock(Date.parse(span.endsAt), zone);
  return `${shortDate(start.date)}, ${start.time} – ${end.time}`;
}

/** Return how long a span is. */
export function minutesIn(span: Span): number {
  return Math.round((Date.parse(span.endsAt) - Date.parse(span.startsAt)) / 60_000);
}

/** Return the instant *minutes* after *startsAt*, RFC 3339 in UTC. */
export function laterBy(startsAt: string, minutes: number): string {
  const atMs = Date.parse(startsAt) + minutes * 60_000;
  return `${new Date(atMs).toISOString().slice(0, 16)}:00Z`;
}
