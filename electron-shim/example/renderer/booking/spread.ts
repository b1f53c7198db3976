/** Which of many free times are worth offering; knows no DOM. */

import type { Slot } from '../../../src/renderer';
import { instantOf } from '../base/week';

/**
 * Return *count* of *slots* that do not overlap one another, as early as can be.
 *
 * A free morning has a slot every quarter of an hour; somebody on the phone wants to hear four
 * different times, not four of the same. Of several instructors who are free at once the one comes
 * who was offered least.
 */
export function spread(slots: readonly Slot[], count: number): readonly Slot[] {
  const kept: Slot[] = [];
  const offered = new Map<string, number>();
  const timesOf = ({ instructorId }: Slot): number => offered.get(instructorId) ?? 0;
  let free = [...slots].sort((one, other) => startMs(one) - startMs(other));
  while (kept.length < count && free.length > 0) {
    const earliest = free.filter((slot) => startMs(slot) === startMs(free[0] as Slot));
    const [next] = earliest.sort((one, other) => timesOf(one) - timesOf(other));
    if (next !== undefined) {
      kept.push(next);
      offered.set(next.instructorId, timesOf(next) + 1);
      free = free.filter((slot) => startMs(slot) >= Date.parse(next.endsAt));
    }
  }
  return kept;
}

function startMs({ startsAt }: Slot): number {
  return Date.parse(startsAt);
}

/** Return from when on to look for *date* in *zone*: its midnight, or the next minute if that is later. */
export function startOfSearch(date: string, zone: string, nowMs: number): string {
  const nextMinuteMs = Math.ceil(nowMs / 60_000) * 60_000;
  const fromMs = Math.max(Date.parse(instantOf(date, '00:00', zone)), nextMinuteMs);
  return `${new Date(fromMs).toISOString().slice(0, 16)}:00Z`;
}
