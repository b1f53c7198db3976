/** A lesson on its way, and when it would be; knows no DOM. */

import type { DrawnLesson } from '../base/school';
import type { Span } from '../base/spans';
import { wallClock } from '../base/week';
import type { Place } from './places';

export interface Carried {
  readonly drawn: DrawnLesson;
  readonly isByKeys: boolean;
  readonly from: Place;
  /** How far below its start the pointer holds it. */
  readonly gripMinutes: number;
  readonly place: Place;
}

/** A span, and the wall clock that it is read on. */
export interface LocalSpan extends Span {
  readonly zone: string;
}

/** Write when a span is on its wall clock; nothing if there is none. */
export function timesOf(span: LocalSpan | undefined): string {
  if (span === undefined) {
    return '';
  }
  const at = (instant: string): string => wallClock(Date.parse(instant), span.zone).time;
  return `${at(span.startsAt)} – ${at(span.endsAt)}`;
}
